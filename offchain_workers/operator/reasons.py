# SPDX-License-Identifier: Apache-2.0
"""Why a worker leaves a job alone, or refuses to promise it. Rows in docs/reason-codes.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from offchain_workers.daemon import errors as inputs
from offchain_workers.errors import FusionError


class Reason(Enum):
    """``code``, and ``text`` for people; ``final`` when waiting can't change it."""

    TERMS_UNREADABLE = (inputs.PostUnreadableError.CODE, inputs.PostUnreadableError.TEXT, True)
    NOT_MY_SUBNET = ("MN-WORKER-102", "this operator is not a member of the subnet", True)
    NOT_PRIMARY = ("MN-WORKER-103", "only the primary can promise a job", True)
    NOT_MY_TURN = ("MN-WORKER-104", "another member's turn", False)
    MODEL_NOT_LOADED = ("MN-WORKER-105", "the model is not loaded here", False)
    METHOD_NOT_SERVED = ("MN-WORKER-106", "the verification method is not served here", False)
    TERMS_UNSERVABLE = ("MN-WORKER-107", "the terms can't be served", True)
    PRICE_TOO_LOW = ("MN-WORKER-108", "the price does not cover gas and the least profit", False)
    DEADLINE_NEAR = ("MN-WORKER-109", "too little time is left before the deadline", True)
    TURN_TOO_SHORT = ("MN-WORKER-110", "the turns are shorter than this worker takes", True)
    CALLBACK_GAS = ("MN-WORKER-111", "the callback asks for more gas than this worker gives", True)
    INPUT_UNAVAILABLE = (
        inputs.InputUnavailableError.CODE,
        inputs.InputUnavailableError.TEXT,
        False,
    )
    INPUT_TOO_LARGE = (inputs.InputTooLargeError.CODE, inputs.InputTooLargeError.TEXT, True)
    INPUT_MISFIT = (inputs.InputMisfitError.CODE, inputs.InputMisfitError.TEXT, True)
    COMMITMENT_MISMATCH = (
        inputs.CommitmentMismatchError.CODE,
        inputs.CommitmentMismatchError.TEXT,
        True,
    )
    INPUT_SEALED = (inputs.InputSealedError.CODE, inputs.InputSealedError.TEXT, True)
    CAPACITY_FULL = ("MN-WORKER-116", "all slots are taken", False)
    BREAKER_OPEN = ("MN-WORKER-117", "the worker pauses after failures", False)
    STAKE_NOT_FREE = ("MN-WORKER-118", "no stake is free for the pledge", False)
    JOB_CLOSED = ("MN-WORKER-119", "the job is no longer open", True)
    ALREADY_POSTED = ("MN-WORKER-120", "the job is posted already", True)
    RUN_FAILED = ("MN-WORKER-121", "the model or its proof failed on this input", False)
    DELIVERY_FAILED = ("MN-WORKER-122", "the delivery was refused again and again", True)
    NOT_READY = ("MN-WORKER-123", "the worker is starting or stopping", False)
    TOO_MANY_REQUESTS = ("MN-WORKER-124", "too many requests at once", False)
    REQUEST_TOO_LARGE = ("MN-WORKER-125", "the request is too large", True)
    CHAIN_UNREACHABLE = ("MN-WORKER-126", "the chain can't be asked right now", False)
    SELF_TEST_FAILED = ("MN-WORKER-128", "the model fails its self-test here", False)
    MODEL_UNVOUCHED = ("MN-WORKER-129", "nobody vouches for the compiled model", False)
    INPUT_UNPROVABLE = ("MN-WORKER-142", "the model's answer to this input can't be proved", True)
    METHOD_NOT_READY = ("MN-WORKER-140", "the method is not ready on this machine", False)
    CLAIM_REFUTED = ("MN-WORKER-127", "this operator's claim was refuted", True)

    def __init__(self, code: str, text: str, final: bool) -> None:
        self.code = code
        self.text = text
        self.final = final


@dataclass(frozen=True)
class Skip:
    """Not now (``until``: unix seconds when to look again) or never (``reason.final``)."""

    reason: Reason
    detail: str = ""
    until: int | None = None

    @property
    def line(self) -> str:
        """One clear line."""
        return f"{self.reason.text}: {self.detail}" if self.detail else self.reason.text


@dataclass(frozen=True)
class Take:
    """Work on it. ``deliver_at``: chain time from which the market takes our delivery."""

    deliver_at: int


class RefusedError(FusionError):
    """A Skip as an error, for the code that finds it deep inside."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip.reason.code, skip.line)
        self.skip = skip


def refuse(reason: Reason, detail: str = "") -> RefusedError:
    return RefusedError(Skip(reason, detail))


@contextmanager
def refusing() -> Iterator[None]:
    """What is wrong with an input inside becomes a RefusedError."""
    try:
        yield
    except inputs.InputRefusedError as error:
        reason = next(reason for reason in Reason if reason.code == error.code)
        raise refuse(reason, error.detail) from error
