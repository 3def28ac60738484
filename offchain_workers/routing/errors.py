# SPDX-License-Identifier: Apache-2.0
"""Typed errors of routing. Each code has a row in docs/errors.md."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class RoutingError(FusionError):
    """Base of this layer's errors: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class UnknownSubnetError(RoutingError):
    """The events hold no request of this subnet."""

    CODE = "MN-ROUTE-001"


class NotFormedError(RoutingError):
    """The subnet was requested but never formed: there is nothing to compare with."""

    CODE = "MN-ROUTE-002"


class TooFewCandidatesError(RoutingError):
    """Fewer seats match the spec than members are asked for; the contract reverts too."""

    CODE = "MN-ROUTE-003"


class IncompleteEventsError(RoutingError):
    """A seat belongs to an operator whose registration is not among the events."""

    CODE = "MN-ROUTE-004"


class InvalidRequestError(RoutingError):
    """A wish that can't be read, or that asks for the impossible."""

    CODE = "MN-ROUTE-010"


class NothingFitsError(RoutingError):
    """No model and method meets the wish; the record says why, for each."""

    CODE = "MN-ROUTE-011"


class InvalidRecordError(RoutingError):
    """A decision record that can't be read, or is not in canonical form."""

    CODE = "MN-ROUTE-012"


class InvalidTableError(RoutingError):
    """A table of quality figures that can't be used."""

    CODE = "MN-ROUTE-013"


class UnknownScorerError(RoutingError):
    """No scorer of that name is installed."""

    CODE = "MN-ROUTE-014"


class NoRecordError(RoutingError):
    """The job's terms name no decision record."""

    CODE = "MN-ROUTE-015"


class DecisionDiffersError(RoutingError):
    """A decision is not what the rules make of the wish and the market."""

    CODE = "MN-ROUTE-016"
