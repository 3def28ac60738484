# SPDX-License-Identifier: Apache-2.0
"""Contracts in an EVM of this process: stateless calls without blocks or accounts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eth_abi import decode, encode
from eth_utils.abi import (
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)
from pyrevm import EVM

GAS = 10_000_000
# Prague adds a floor under a transaction's calldata, which a call does not pay.
SPEC = "CANCUN"
CALLER = "0x" + "11" * 20
REASON = "08c379a0"  # Error(string)


class RevertedError(Exception):
    """A call that was refused, with the contract's reason."""


class Contract:
    """A deployed contract that has no storage; ``gas`` is what the last call used."""

    def __init__(self, abi: list[Mapping[str, Any]], bytecode: bytes) -> None:
        self._evm = EVM(spec_id=SPEC)
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
        self._home = self._evm.deploy(CALLER, bytecode)

    def calldata(self, function: str, *args: Any) -> bytes:
        selector, inputs, _ = self._functions[function]
        return selector + encode(inputs, args)

    def call(self, function: str, *args: Any) -> Any:
        """The result, a tuple when there are several. Raises RevertedError."""
        output = self._run(self.calldata(function, *args))
        values = decode(self._functions[function][2], output)
        return values[0] if len(values) == 1 else values

    def _run(self, data: bytes) -> bytes:
        try:
            output = self._evm.message_call(CALLER, self._home, data, gas=GAS, is_static=True)
        except RuntimeError as refusal:
            raise RevertedError(_reason(str(refusal))) from None
        self.gas = self._evm.result.gas_used - _intrinsic(data)
        return bytes(output)


def _intrinsic(data: bytes) -> int:
    """What a transaction pays before the first opcode, and a call from a contract does not."""
    zeros = data.count(0)
    return 21_000 + 4 * zeros + 16 * (len(data) - zeros)


def _reason(refusal: str) -> str:
    """The contract's reason; the EVM names the output only in its message."""
    output = re.search(rf"output: 0x{REASON}([0-9a-f]+)", refusal)
    return str(decode(["string"], bytes.fromhex(output[1]))[0]) if output else ""
