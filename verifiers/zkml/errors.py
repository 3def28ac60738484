# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with ezkl, with a circuit's program, and with a proof."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class ZkError(FusionError):
    """Raised as one of the subclasses."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class EzklMissingError(ZkError):
    """The extra `zk` is not installed."""

    CODE = "MN-ZK-001"


class EzklFailedError(ZkError):
    """ezkl refused or panicked; the message is its last line."""

    CODE = "MN-ZK-002"


class EzklTimeoutError(ZkError):
    """A call took longer than it was given, and was ended."""

    CODE = "MN-ZK-003"


class EzklKilledError(ZkError):
    """The process died: most likely of its memory limit."""

    CODE = "MN-ZK-004"


class UnsafeSettingsError(ZkError):
    """Settings under which a proof would not bind the model."""

    CODE = "MN-ZK-005"


class ProgramError(ZkError):
    """Bytes that are no program of this version."""

    CODE = "MN-ZK-010"


class UncheckedProgramError(ZkError):
    """A program that nobody should trust: the message is what the checker found first."""

    CODE = "MN-ZK-011"


class CircuitError(ZkError):
    """A circuit that the verifier on chain can't carry."""

    CODE = "MN-ZK-012"


class ProofError(ZkError):
    """A proof file that can't be read."""

    CODE = "MN-ZK-013"
