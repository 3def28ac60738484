# SPDX-License-Identifier: Apache-2.0
"""Names in a wish that the market does not have: most often a typing error."""

from __future__ import annotations

from offchain_workers.routing.errors import NothingFitsError
from offchain_workers.routing.market import Market
from offchain_workers.routing.request import RouteRequest
from offchain_workers.spelling import told


def check_names(request: RouteRequest, market: Market) -> None:
    """Raises NothingFitsError, with what is near, for a task or methods that nobody has."""
    tasks = {model.task for model in market.models if model.problem is None}
    if request.task is not None and tasks and request.task not in tasks:
        raise NothingFitsError(f"the market has {told('model for task', request.task, tasks)}")
    methods = {method.name for method in market.methods}
    for name in request.methods:
        if name not in methods:
            raise NothingFitsError(f"the market has {told('method', name, methods)}")
