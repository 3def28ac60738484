# SPDX-License-Identifier: Apache-2.0
"""Typed errors of the requester's side. Each code has a row in docs/errors.md."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.balancing import Outcome
from offchain_workers.errors import FusionError


class RequesterError(FusionError):
    """Base of this part's errors: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class AcceptanceRefusedError(RequesterError):
    """A worker said no, with its own code, ``said``; ``outcome``: what that says about it."""

    CODE = "MN-REQ-001"

    def __init__(self, message: str, outcome: Outcome = Outcome.BAD_INPUT, said: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome
        self.said = said


class UnprovableError(RequesterError):
    """Nobody promised the job, and a member says that no answer to the input can be proved."""

    CODE = "MN-REQ-012"


class WorkerUnreachableError(RequesterError):
    """No acceptance came from the worker's endpoint."""

    CODE = "MN-REQ-002"


class AcceptanceForgedError(RequesterError):
    """An acceptance that the market would refuse."""

    CODE = "MN-REQ-003"


class NoSubnetError(RequesterError):
    """Too few offers match the spec."""

    CODE = "MN-REQ-004"


class InputHomelessError(RequesterError):
    """A large input that nobody serves."""

    CODE = "MN-REQ-005"


class JobUnfinishedError(RequesterError):
    """The wait was over before the job."""

    CODE = "MN-REQ-006"


class JobUnknownError(RequesterError):
    """The market never saw the job."""

    CODE = "MN-REQ-007"


class JobRefundedError(RequesterError):
    """The job closed without an answer."""

    CODE = "MN-REQ-008"


class NotPrivateError(RequesterError):
    """A private job of a kind whose input others than the primary must see."""

    CODE = "MN-REQ-010"


class NobodyAcceptedError(RequesterError):
    """A private job that no member promised: nobody else could answer it."""

    CODE = "MN-REQ-011"


class PriceTooHighError(RequesterError):
    """No member is as cheap as the requester's maximum."""

    CODE = "MN-REQ-009"


class AnswerSealedError(RequesterError):
    """The answer is sealed, and not to the key at hand."""

    CODE = "MN-REQ-020"
