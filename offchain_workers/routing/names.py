# SPDX-License-Identifier: Apache-2.0
"""Names in a wish that the market does not have: most often a typing error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from offchain_workers.routing.errors import NothingFitsError
from offchain_workers.routing.market import Market
from offchain_workers.routing.request import RouteRequest

_MOST_LISTED = 8


def check_names(request: RouteRequest, market: Market) -> None:
    """Raises NothingFitsError, with what is near, for a task or methods that nobody has."""
    tasks = {model.task for model in market.models if model.problem is None}
    if request.task is not None and tasks and request.task not in tasks:
        raise NothingFitsError(_told("model for task", request.task, tasks))
    methods = {method.name for method in market.methods}
    for name in request.methods:
        if name not in methods:
            raise NothingFitsError(_told("method", name, methods))


def _told(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    listed = ", ".join(sorted(known)[:_MOST_LISTED])
    told = f"did you mean {near[0]}?" if near else f"there is {listed}"
    return f"the market has no {what} {name}: {told}"
