# SPDX-License-Identifier: Apache-2.0
"""Verifiers of both kinds in one EVM of this process."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from eth_abi.abi import decode, encode
from pyrevm import EVM

from benchmarks.zkml.circuit import Circuit
from benchmarks.zkml.solidity import compiled
from benchmarks.zkml.verifying import ARTIFACT, calldata

CALLER = "0x" + "11" * 20
GAS = 3_000_000


class Machine:
    """Contracts without accounts; ``gas`` is what the last call used besides its calldata,
    ``reason`` what the last refused one was refused with."""

    def __init__(self) -> None:
        self._evm = EVM(spec_id="CANCUN")
        self.gas = 0
        self.reason = ""

    def deploy(self, creation: bytes) -> str:
        return str(self._evm.deploy(CALLER, creation))

    def call(self, to: str, data: bytes, gas: int = GAS) -> bytes | None:
        """What it returned; nothing when it was refused."""
        return self._message(to, data, gas, True)

    def send(self, to: str, data: bytes) -> None:
        assert self._message(to, data, GAS, False) is not None

    def _message(self, to: str, data: bytes, gas: int, is_static: bool) -> bytes | None:
        try:
            output = bytes(self._evm.message_call(CALLER, to, data, gas=gas, is_static=is_static))
        except RuntimeError as refusal:
            # The EVM names a revert's data only in its message.
            found = re.search(r"output: 0x08c379a0([0-9a-f]+)", str(refusal))
            self.reason = str(decode(["string"], bytes.fromhex(found[1]))[0]) if found else ""
            output = None
        zeros = data.count(0)
        self.gas = self._evm.result.gas_used - 21_000 - 4 * zeros - 16 * (len(data) - zeros)
        return output


class Halo2:
    """Ours, for one setup, and the programs that are told to it."""

    def __init__(self, machine: Machine, neg_tau_g2: Sequence[int]) -> None:
        artifact = json.loads(ARTIFACT.read_text())
        self._abi, self._machine = artifact["abi"], machine
        creation = bytes.fromhex(artifact["bytecode"][2:]) + encode(["uint256[4]"], [neg_tau_g2])
        self._home = machine.deploy(creation)

    def publish(self, code: bytes) -> str:
        """A data contract."""
        return self._machine.deploy(bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code)

    def accepts(
        self, program: str, code_hash: bytes, proof: bytes, instances: Sequence[int]
    ) -> bool:
        data = calldata(self._abi, "verify", program, code_hash, proof, instances)
        output = self._machine.call(self._home, data)
        assert output in (None, (1).to_bytes(32, "big"))
        return output is not None


class Solidity:
    """ezkl's, the one for a circuit or, with a key, the one for all."""

    def __init__(self, machine: Machine, circuit: Circuit, reusable: bool) -> None:
        self._abi, creation = compiled(circuit.source("reusable" if reusable else "single"))
        self._machine, self._home = machine, machine.deploy(creation)
        self._more = [circuit.vka()] if reusable else []
        if reusable:
            machine.send(self._home, calldata(self._abi, "registerVka", circuit.vka()))

    def accepts(self, proof: bytes, instances: Sequence[int]) -> bool:
        data = calldata(self._abi, "verifyProof", proof, instances, *self._more)
        output = self._machine.call(self._home, data)
        return output is not None and int.from_bytes(output[:32], "big") == 1
