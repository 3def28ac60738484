# SPDX-License-Identifier: Apache-2.0
"""Errors that every method shares."""

from __future__ import annotations

from offchain_workers.errors import FusionError


class UnknownMethodError(FusionError):
    """No such verification method is installed."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-001", message)


class StakeNotFreeError(FusionError):
    """A delivery locks more stake than the operator has free: nothing is wrong with the answer."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-118", message)


class NotReadyError(FusionError):
    """The method can't answer on this machine right now: nothing is wrong with the job."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-140", message)


class InputUnprovableError(FusionError):
    """No evidence can be made of an answer to this input, on any machine. Says nothing of the
    input, which may be private."""

    CODE = "MN-WORKER-142"

    def __init__(self) -> None:
        super().__init__(self.CODE, "the model's answer to this input can't be proved")


class InputUnopenedError(FusionError):
    """A private input that does not open here, or is not what its job commits to."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-WORKER-133", message)
