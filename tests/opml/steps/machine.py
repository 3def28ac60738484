# SPDX-License-Identifier: Apache-2.0
"""Contracts in an EVM of this process: stateless calls without blocks or accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth.constants import BLANK_ROOT_HASH, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth.vm.transaction_context import BaseTransactionContext
from eth_abi import decode, encode
from eth_typing import Address, BlockNumber
from eth_utils.abi import (
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)

GAS = 10_000_000
HOME = Address(b"\x11" * 20)
REASON = bytes.fromhex("08c379a0")  # Error(string)


class RevertedError(Exception):
    """A call that was refused, with the contract's reason."""


class Contract:
    """A deployed contract that has no storage; ``gas`` is what the last call used."""

    def __init__(self, abi: list[Mapping[str, Any]], bytecode: bytes) -> None:
        context = ExecutionContext(
            ZERO_ADDRESS, 1, BlockNumber(1), 0, ZERO_HASH32, GAS, (), 1, base_fee_per_gas=0
        )
        self._state = PragueState(AtomicDB(), context, BLANK_ROOT_HASH)
        self._transaction = BaseTransactionContext(0, ZERO_ADDRESS)
        self._functions = {
            item["name"]: (
                function_abi_to_4byte_selector(item),
                get_abi_input_types(item),
                get_abi_output_types(item),
            )
            for item in abi
            if item["type"] == "function"
        }
        self.gas = 0
        self._code = self._run(bytecode, b"")

    def calldata(self, function: str, *args: Any) -> bytes:
        selector, inputs, _ = self._functions[function]
        return selector + encode(inputs, args)

    def call(self, function: str, *args: Any) -> Any:
        """The result, a tuple when there are several. Raises RevertedError."""
        output = self._run(self._code, self.calldata(function, *args))
        values = decode(self._functions[function][2], output)
        return values[0] if len(values) == 1 else values

    def _run(self, code: bytes, data: bytes) -> bytes:
        message = Message(GAS, HOME, ZERO_ADDRESS, 0, data, code, is_static=True)
        done = self._state.computation_class.apply_computation(
            self._state, message, self._transaction
        )
        self.gas = done.get_gas_used()
        if done.is_error:
            raise RevertedError(_reason(bytes(done.output)))
        return bytes(done.output)


def _reason(output: bytes) -> str:
    return str(decode(["string"], output[4:])[0]) if output.startswith(REASON) else ""
