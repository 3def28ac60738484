# SPDX-License-Identifier: Apache-2.0
"""Sends transactions and reads state, both fast: thousands of runs stand on it.

boa's own calls keep traces and print a contract's storage on each revert; here a call is calldata
in, outcome out, and state is read from its storage slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import boa
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_abi import decode
from eth_utils.crypto import keccak

ERROR_STRING = keccak(text="Error(string)")[:4]
GAS = 16_000_000


class Event(NamedTuple):
    """A log of one of our contracts; `topics` are the indexed arguments."""

    name: str
    topics: list[int]


class Outcome(NamedTuple):
    """What became of a transaction."""

    ok: bool
    error: str
    output: bytes
    events: list[Event]


@dataclass
class Call:
    """Calldata for a contract, and who sends it."""

    sender: str
    contract: Contract
    function: str
    args: tuple[Any, ...]
    value: int = 0

    @property
    def data(self) -> bytes:
        return self.contract.data(self.function, *self.args)


class Contract:
    """A deployed contract by its calldata and its storage slots."""

    def __init__(self, deployed: VyperContract) -> None:
        self.address = str(deployed.address)
        self._deployed = deployed
        layout = deployed.compiler_data.storage_layout["storage_layout"]
        self._slots = {name: entry["slot"] for name, entry in layout.items() if "slot" in entry}
        self._found: dict[tuple[Any, ...], int] = {}

    def data(self, function: str, *args: Any) -> bytes:
        data: bytes = getattr(self._deployed, function).prepare_calldata(*args)
        return data

    def read(self, variable: str, *keys: str | bytes) -> int:
        """One word: a variable, or what a mapping has under its keys."""
        place = (variable, *keys)
        slot = self._found.get(place)
        if slot is None:
            slot = self._found[place] = self._locate(variable, keys)
        return int(boa.env.evm.get_storage(self._deployed.address, slot))

    def _locate(self, variable: str, keys: tuple[str | bytes, ...]) -> int:
        slot = int(self._slots[variable])
        for key in keys:
            raw = bytes.fromhex(key[2:]).rjust(32, b"\0") if isinstance(key, str) else key
            slot = int.from_bytes(keccak(slot.to_bytes(32, "big") + raw), "big")
        return slot

    @property
    def coins(self) -> int:
        return int(boa.env.get_balance(self.address))


class Chain:
    """The environment's one chain."""

    def __init__(self, contracts: list[VyperContract]) -> None:
        self._names = {
            event.event_id: event.name
            for contract in contracts
            for event in contract.compiler_data.global_ctx.used_events
        }

    def send(self, call: Call) -> Outcome:
        done = boa.env.execute_code(
            call.contract.address, sender=call.sender, value=call.value, data=call.data, gas=GAS
        )
        if done.is_error:
            return Outcome(False, _reason(done.output) or repr(done.error), b"", [])
        logs = [
            Event(self._names[topics[0]], list(topics[1:]))
            for _, topics, _ in done.get_log_entries()
            if topics[0] in self._names
        ]
        return Outcome(True, "", bytes(done.output), logs)

    @property
    def now(self) -> int:
        return int(boa.env.evm.patch.timestamp)

    @property
    def block(self) -> int:
        return int(boa.env.evm.patch.block_number)

    def roll(self, blocks: int, seconds: int) -> None:
        """Let blocks and time pass."""
        boa.env.evm.patch.block_number += blocks
        boa.env.evm.patch.timestamp += seconds


def _reason(output: bytes) -> str:
    if output[:4] != ERROR_STRING:
        return ""
    return str(decode(["string"], output[4:])[0])
