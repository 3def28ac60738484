# SPDX-License-Identifier: Apache-2.0
"""A transaction in the making, and the words of a contract that refuses one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from web3.exceptions import ContractLogicError, Web3RPCError


@dataclass(frozen=True)
class Call:
    """``to`` is empty for a deployment; ``value`` in wei.

    ``patience``: the unix time until which an outbox need not send it by itself, but may wait for
    others to send it with.
    """

    to: str
    data: bytes
    value: int = 0
    patience: int | None = None


@dataclass(frozen=True)
class Multicall:
    """A contract that takes several calls as one, each as if the sender had sent it: all or none.

    ``to`` is its checksummed address. ``takes`` says of a call's data whether it may be among
    them: better not when somebody else can make it fail, or starve others, in a way that no
    simulation shows. ``join`` makes them one, ``most`` at a time. Those that ``leads`` names go
    before the others, which may need what they free.
    """

    to: str
    takes: Callable[[bytes], bool]
    join: Callable[[Sequence[Call]], Call]
    most: int
    leads: Callable[[bytes], bool] = lambda data: False


def revert_reason(error: ContractLogicError | Web3RPCError) -> str:
    """The contract's (or the node's) own words."""
    message = str(getattr(error, "message", None) or error)
    return message.removeprefix("execution reverted: ").strip() or "reverted without a reason"
