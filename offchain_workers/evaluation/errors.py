# SPDX-License-Identifier: Apache-2.0
"""Typed errors of evaluation. Each code has a row in docs/errors.md."""

from __future__ import annotations

from offchain_workers.routing.errors import RoutingError


class UnknownSuiteError(RoutingError):
    """No evaluation suite for a model's task."""

    CODE = "MN-ROUTE-020"


class OtherQualityError(RoutingError):
    """A model is not as good as its card says."""

    CODE = "MN-ROUTE-021"
