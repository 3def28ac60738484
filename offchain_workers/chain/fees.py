# SPDX-License-Identifier: Apache-2.0
"""EIP-1559 fees: a first quote and replacements that nodes accept. All in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.endpoint import Endpoint, quantity
from offchain_workers.chain.rpc import RpcPool

# Nodes ask for 10 %; one more absorbs rounding on their side.
BUMP_PERCENT = 111
FALLBACK_TIP = 1_000_000_000


@dataclass(frozen=True)
class Fees:
    """``cap`` bounds base fee and ``tip`` together."""

    tip: int
    cap: int


def suggested_tip(pool: RpcPool) -> int:
    """The lowest tip that any endpoint suggests: one that wants us to overpay can't."""
    return max(1, min(tip for _, tip in pool.each(_ask_tip)))


def quote(base_fee: int, tip: int, ceiling: int) -> Fees | None:
    """Room for the base fee to double; None when ``ceiling`` doesn't even cover it today."""
    cap = min(2 * base_fee + tip, ceiling)
    return Fees(min(tip, cap), cap) if cap > base_fee else None


def bumped(old: Fees, base_fee: int, tip: int, ceiling: int) -> Fees | None:
    """Fees that replace ``old``: both at least 11 % higher; None when ``ceiling`` forbids it."""
    least_cap = _up(old.cap)
    if least_cap > ceiling:
        return None
    new_tip = max(_up(old.tip), tip)
    cap = min(ceiling, max(least_cap, 2 * base_fee + new_tip))
    return Fees(min(new_tip, cap), cap)


def _up(amount: int) -> int:
    return -(-amount * BUMP_PERCENT // 100)


def _ask_tip(endpoint: Endpoint) -> int:
    answer = endpoint.ask("eth_maxPriorityFeePerGas", [])
    return quantity(answer["result"]) if "result" in answer else FALLBACK_TIP
