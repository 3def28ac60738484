# SPDX-License-Identifier: Apache-2.0
"""A transaction in the making, and the words of a contract that refuses one."""

from __future__ import annotations

from dataclasses import dataclass

from web3.exceptions import ContractLogicError, Web3RPCError


@dataclass(frozen=True)
class Call:
    """``to`` is empty for a deployment; ``value`` in wei."""

    to: str
    data: bytes
    value: int = 0


def revert_reason(error: ContractLogicError | Web3RPCError) -> str:
    """The contract's (or the node's) own words."""
    message = str(getattr(error, "message", None) or error)
    return message.removeprefix("execution reverted: ").strip() or "reverted without a reason"
