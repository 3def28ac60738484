# SPDX-License-Identifier: Apache-2.0
"""Typed errors of the chain layer. Each code has a row in docs/errors.md."""

from __future__ import annotations

from typing import Any, ClassVar

from offchain_workers.errors import FusionError


class ChainError(FusionError):
    """Base of this layer's errors: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class RpcUnavailableError(ChainError):
    """No endpoint can be asked right now; try again later."""

    CODE = "MN-CHAIN-001"


class EndpointsDisagreeError(ChainError):
    """Endpoints give different answers and nothing tells who is right: money waits."""

    CODE = "MN-CHAIN-002"


class WrongChainError(ChainError):
    """No endpoint left on the chain we follow, or its id changed. Fatal."""

    CODE = "MN-CHAIN-003"


class DeepReorgError(ChainError):
    """The chain was rewritten below every kept header; ``resync`` decides how to go on."""

    CODE = "MN-CHAIN-004"

    def __init__(self, message: str, ancestor: int) -> None:
        super().__init__(message)
        self.ancestor = ancestor


class LogRangeRefusedError(ChainError):
    """A node refuses to list the logs of even one block."""

    CODE = "MN-CHAIN-005"


class RpcRejectedError(ChainError):
    """A node understood the request and answered with a JSON-RPC error."""

    CODE = "MN-CHAIN-006"

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method} was refused: {error.get('message', error)}")
        self.error = error


class EventUndecodableError(ChainError):
    """A log of a known event does not fit the ABI that we hold for its address."""

    CODE = "MN-CHAIN-007"


class ArtifactMissingError(ChainError):
    """A contract artifact is not in the package, or can't be read."""

    CODE = "MN-CHAIN-008"


class EndpointMissingError(ChainError):
    """Too few endpoints answer to send coins on their word."""

    CODE = "MN-CHAIN-009"


class DatabaseLockedError(ChainError):
    """Another process uses this database."""

    CODE = "MN-CHAIN-020"


class SchemaMismatchError(ChainError):
    """The database was written by another version of this program."""

    CODE = "MN-CHAIN-021"


class DatabaseFullError(ChainError):
    """The database could not be written (disk full, read-only, I/O error); nothing was."""

    CODE = "MN-CHAIN-022"


class WrongDatabaseError(ChainError):
    """The database belongs to another chain."""

    CODE = "MN-CHAIN-023"


class DatabaseUnusableError(ChainError):
    """The database can't be opened at all: bad URL, missing driver, no permission."""

    CODE = "MN-CHAIN-024"


class GasLimitTooHighError(ChainError):
    """A transaction was enqueued above the per-transaction gas cap (EIP-7825)."""

    CODE = "MN-TX-001"


class CallRevertedError(ChainError):
    """A contract would refuse, in its own words; nothing was sent."""

    CODE = "MN-CHAIN-030"


class ContractMissingError(ChainError):
    """No such contract answers at that address."""

    CODE = "MN-CHAIN-031"


class TermsInvalidError(ChainError):
    """Terms or an acceptance that no contract could take."""

    CODE = "MN-CHAIN-032"


class TransactionFailedError(ChainError):
    """A transaction was mined and reverted, or did something else than asked."""

    CODE = "MN-TX-010"


class TransactionUnminedError(ChainError):
    """A transaction is not mined yet; it still may be."""

    CODE = "MN-TX-011"
