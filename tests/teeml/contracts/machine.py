# SPDX-License-Identifier: Apache-2.0
"""The TEE contracts in an EVM of this process, with a clock and a chain id of one's choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eth_abi import decode, encode
from eth_utils.abi import (
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)
from pyrevm import EVM, BlockEnv, CfgEnv, Env

from offchain_workers.chain.artifact import load

GAS = 100_000_000
# Prague adds a floor under a transaction's calldata, which a call does not pay.
SPEC = "CANCUN"
CALLER = "0x" + "11" * 20
REASON = "08c379a0"  # Error(string)


class RevertedError(Exception):
    """A call that was refused, with the contract's reason."""


class Machine:
    """A chain without blocks; ``now`` is the time that contracts see."""

    def __init__(self, chain_id: int = 31_337, now: int = 1_750_000_000) -> None:
        self._chain_id = chain_id
        self.evm = EVM(env=Env(cfg=CfgEnv(chain_id=chain_id)), spec_id=SPEC)
        self.at(now)

    def at(self, now: int) -> None:
        """Sets the clock."""
        self.evm.set_block_env(BlockEnv(timestamp=now))

    def deploy(self, abi: list[Mapping[str, Any]], bytecode: bytes, *args: Any) -> Contract:
        """Raises RevertedError."""
        kinds = [kind for item in abi if item["type"] == "constructor" for kind in _inputs(item)]
        try:
            home = self.evm.deploy(CALLER, bytecode + encode(kinds, args))
        except RuntimeError as refusal:
            raise RevertedError(_reason(str(refusal))) from None
        return Contract(self, abi, home)

    def deploy_named(self, name: str, *args: Any) -> Contract:
        """One of the shipped contracts."""
        artifact = load(name)
        return self.deploy(artifact.abi, artifact.bytecode, *args)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside is taken back."""
        checkpoint = self.evm.snapshot()
        try:
            yield
        finally:
            self.evm.revert(checkpoint)


class Contract:
    """A deployed contract; ``gas`` is what the last call used, the calldata's price aside."""

    def __init__(self, machine: Machine, abi: list[Mapping[str, Any]], home: str) -> None:
        self._machine, self.address, self.gas = machine, home, 0
        self._functions = {
            item["name"]: (
                function_abi_to_4byte_selector(item),
                get_abi_input_types(item),
                get_abi_output_types(item),
                [output["components"] for output in item["outputs"] if "components" in output],
            )
            for item in abi
            if item["type"] == "function"
        }

    def call(self, function: str, *args: Any) -> Any:
        """The result; a struct as a dict. Raises RevertedError."""
        return self._result(function, self._run(function, args, is_static=True))

    def send(self, function: str, *args: Any) -> Any:
        """As `call`, and what it changes stays."""
        return self._result(function, self._run(function, args, is_static=False))

    def _result(self, function: str, output: bytes) -> Any:
        kinds, structs = self._functions[function][2:]
        values = decode(kinds, output)
        if structs:
            return {part["name"]: value for part, value in zip(structs[0], values[0], strict=True)}
        return values[0] if len(values) == 1 else values

    def _run(self, function: str, args: tuple[Any, ...], *, is_static: bool) -> bytes:
        selector, inputs = self._functions[function][:2]
        data = selector + encode(inputs, args)
        evm = self._machine.evm
        try:
            output = evm.message_call(CALLER, self.address, data, gas=GAS, is_static=is_static)
        except RuntimeError as refusal:
            raise RevertedError(_reason(str(refusal))) from None
        zeros = data.count(0)
        self.gas = evm.result.gas_used - 21_000 - 4 * zeros - 16 * (len(data) - zeros)
        return bytes(output)


def _inputs(item: Mapping[str, Any]) -> list[str]:
    return [_kind(part) for part in item["inputs"]]


def _kind(part: Mapping[str, Any]) -> str:
    """The ABI's canonical name of a parameter's type."""
    if not part["type"].startswith("tuple"):
        return str(part["type"])
    inner = ",".join(_kind(component) for component in part["components"])
    return f"({inner}){part['type'][5:]}"


def _reason(refusal: str) -> str:
    """The contract's reason; the EVM names the output only in its message."""
    output = re.search(rf"output: 0x{REASON}([0-9a-f]+)", refusal)
    return str(decode(["string"], bytes.fromhex(output[1]))[0]) if output else ""
