# SPDX-License-Identifier: Apache-2.0
"""Before a nonce is spent: would the transaction go through, at which gas and fees?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offchain_workers.chain.endpoint import Endpoint, quantity
from offchain_workers.chain.fees import Fees, quote
from offchain_workers.chain.outbox import MAX_GAS
from offchain_workers.chain.reverts import is_revert, reason
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.tables import OutboxRow
from offchain_workers.chain.vantage import Vantage


@dataclass(frozen=True)
class Ready:
    """Sign it like this."""

    gas: int
    fees: Fees


@dataclass(frozen=True)
class Hold:
    """Not now; ask again at the next step."""

    why: str


@dataclass(frozen=True)
class Refusal:
    """Never: it would revert, or can't fit."""

    why: str


def call_of(row: OutboxRow) -> dict[str, Any]:
    """The row as a JSON-RPC call object."""
    return {
        "from": row.sender,
        "to": row.to,
        "data": "0x" + row.data.hex(),
        "value": hex(row.value),
    }


def prepare(pool: RpcPool, row: OutboxRow, view: Vantage) -> Ready | Hold | Refusal:
    """Estimate or simulate, and price, one queued row."""
    gas = _gas(pool, row, view)
    if not isinstance(gas, int):
        return gas
    fees = quote(view.header.base_fee, view.tip, row.max_fee)
    if fees is None:
        base = view.header.base_fee
        return Hold(f"MN-TX-003: the base fee {base} is above the most allowed, {row.max_fee}")
    need, balance = row.value + gas * fees.cap, view.balance
    if balance < need:
        return Hold(f"MN-TX-002: {row.sender} holds {balance} wei and needs {need}")
    return Ready(gas, fees)


def _gas(pool: RpcPool, row: OutboxRow, view: Vantage) -> int | Hold | Refusal:
    """An estimate that every endpoint gives is a simulation, too; else one block has to tell."""
    call = call_of(row)
    gas = row.gas_limit or estimate(pool, call)
    if isinstance(gas, int) and row.gas_limit is None:
        return gas
    verdict = view.simulate({**call, "gas": hex(row.gas_limit or MAX_GAS)})
    if verdict.kind == "revert":
        return Refusal(f"MN-TX-004: it would revert: {reason(verdict.error)}")
    if verdict.kind == "refused":
        return Hold(f"MN-TX-008: the node can't simulate it: {reason(verdict.error)}")
    return gas


def estimate(pool: RpcPool, call: Mapping[str, Any]) -> int | Hold | Refusal:
    """Gas limit with a fifth to spare, from the endpoint that expects most.

    At most MAX_GAS, as long as the estimate itself fits. Holds when a node refuses: a simulation
    that went through says more than a failed estimate.
    """
    answers = pool.each(lambda endpoint: _ask_gas(endpoint, call))
    for _, answer in answers:
        if "error" in answer:
            why = reason(answer["error"])
            kind = "it would revert" if is_revert(answer["error"]) else "the node can't estimate it"
            return Hold(f"MN-TX-008: {kind}: {why}")
    gas: int = max(answer["gas"] for _, answer in answers)
    if gas > MAX_GAS:
        return Refusal(f"MN-TX-009: it needs {gas} gas, a transaction may use {MAX_GAS}")
    return min(-(-gas * 6 // 5), MAX_GAS)


def _ask_gas(endpoint: Endpoint, call: Mapping[str, Any]) -> dict[str, Any]:
    answer = endpoint.ask("eth_estimateGas", [call])
    if "error" in answer:
        return {"error": answer["error"]}
    return {"gas": quantity(answer["result"])}


def why_reverted(pool: RpcPool, row: OutboxRow, gas: int, gas_used: int, block: int) -> str:
    """Replay a mined transaction that reverted: on the state before its block, then after."""
    call = {**call_of(row), "gas": hex(gas)}
    for number in (block - 1, block):
        answer = pool.request("eth_call", [call, hex(number)])
        if "error" in answer and is_revert(answer["error"]):
            return f"MN-TX-007: it reverted: {reason(answer['error'])}"
    if gas_used >= gas:
        return "MN-TX-007: it reverted: out of gas"
    return "MN-TX-007: it reverted; a replay does not, so its block's order decided"
