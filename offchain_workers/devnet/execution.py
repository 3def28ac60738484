# SPDX-License-Identifier: Apache-2.0
"""Run a call without keeping it: eth_call and eth_estimateGas of the embedded chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from eth.abc import ComputationAPI, SignedTransactionAPI
from eth.exceptions import OutOfGas, Revert
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from .accounts import CHAIN_ID
from .ledger import Ledger, base_fee
from .rpc_error import SERVER_ERROR, RpcError, rejected, reverted
from .vm import BLOCK_GAS_LIMIT, TX_GAS_CAP

# Stop searching when the answer is known to within one part in 64.
ESTIMATE_TOLERANCE = 64


@dataclass(frozen=True)
class Call:
    """A message as a client asks for it; `gas` None means as much as allowed."""

    sender: Address
    to: Address  # empty bytes: create a contract
    data: bytes
    value: int = 0
    gas: int | None = None


def run_call(ledger: Ledger, header: PragueBlockHeader, call: Call) -> bytes:
    """The returned bytes. Raises `RpcError` with the revert data when the call fails."""
    gas = BLOCK_GAS_LIMIT if call.gas is None else min(call.gas, BLOCK_GAS_LIMIT)
    computation, _ = _execute(ledger, header, replace(call, gas=gas))
    _raise_on_error(computation)
    return computation.output


def estimate_gas(ledger: Ledger, header: PragueBlockHeader, call: Call) -> int:
    """A gas limit that suffices, at most 1/64 above the least. Raises `RpcError` when none does."""
    most = min(call.gas or TX_GAS_CAP, TX_GAS_CAP)
    computation, used = _execute(ledger, header, replace(call, gas=most))
    _raise_on_error(computation)
    if _succeeds(ledger, header, call, used):
        return used
    # An inner call keeps 1/64 back, or a contract looks at its gas: search between.
    low, high = used, most
    while high - low > high // ESTIMATE_TOLERANCE:
        # The answer is nearly always close to what was used, so lean to that side.
        middle = min((low + high) // 2, low * 2)
        if _succeeds(ledger, header, call, middle):
            high = middle
        else:
            low = middle
    return high


def _succeeds(ledger: Ledger, header: PragueBlockHeader, call: Call, gas: int) -> bool:
    computation, _ = _execute(ledger, header, replace(call, gas=gas))
    return not computation.is_error


def _execute(ledger: Ledger, header: PragueBlockHeader, call: Call) -> tuple[ComputationAPI, int]:
    """Run on a scratch state; also the gas limit that this very run would have needed."""
    state = ledger.state(header)
    gas = call.gas or 0
    fee = base_fee(header)
    _require_funds(state.get_balance(call.sender), call.value)
    # The executor buys gas first: lend that sum, and inside the call the balance is the real one.
    state.set_balance(call.sender, state.get_balance(call.sender) + gas * fee)
    unsigned = PragueTransactionBuilder.new_unsigned_dynamic_fee_transaction(
        chain_id=CHAIN_ID,
        nonce=state.get_nonce(call.sender),
        max_priority_fee_per_gas=0,
        max_fee_per_gas=fee,
        gas=gas,
        to=call.to,
        value=call.value,
        data=call.data,
        access_list=(),
    )
    spoofed = cast(SignedTransactionAPI, SpoofTransaction(unsigned, from_=call.sender))
    try:
        computation = state.apply_transaction(spoofed)
    except ValidationError as error:
        raise rejected(str(error)) from error
    return computation, _gas_needed(gas, computation)


def _require_funds(balance: int, value: int) -> None:
    if balance < value:
        raise rejected("Insufficient funds for gas * price + value")


def _gas_needed(gas: int, computation: ComputationAPI) -> int:
    used = gas - computation.get_gas_remaining()
    refund = min(computation.get_gas_refund(), used // 5)
    # EIP-7623: calldata has a floor price, charged when execution costs less.
    return max(used, used - refund + computation.data_floor_gas)


def _raise_on_error(computation: ComputationAPI) -> None:
    if not computation.is_error:
        return
    if isinstance(computation.error, Revert):
        raise reverted(bytes(computation.output))
    if isinstance(computation.error, OutOfGas):
        raise RpcError(SERVER_ERROR, "out of gas")
    raise RpcError(SERVER_ERROR, f"EVM error {type(computation.error).__name__}")
