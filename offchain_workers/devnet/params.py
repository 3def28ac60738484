# SPDX-License-Identifier: Apache-2.0
"""Parameters of JSON-RPC requests, read into Python; what does not parse is the client's error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import Address

from .execution import Call
from .ledger import Ledger, Mined
from .rpc_error import INVALID_PARAMS, RpcError, invalid_params

HEAD_TAGS = ("latest", "safe", "finalized")


def integer(value: Any) -> int:
    """A quantity: hex with 0x, or a JSON number (anvil takes both)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value, 16 if value.startswith("0x") else 10)
        except ValueError:
            pass
    raise invalid_params(f"not a quantity: {value!r}")


def octets(value: Any, length: int | None = None) -> bytes:
    """Bytes from 0x-hex, of exactly `length` when given."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            decoded = bytes.fromhex(value[2:])
        except ValueError:
            pass
        else:
            if length is None or len(decoded) == length:
                return decoded
    raise invalid_params(f"not {length or 'hex'} bytes: {value!r}")


def account(value: Any) -> Address:
    return Address(octets(value, 20))


def call_of(fields: Any) -> Call:
    """A call object of eth_call, eth_estimateGas or eth_sendTransaction."""
    if not isinstance(fields, dict):
        raise invalid_params("the call must be an object")
    sender, to = fields.get("from"), fields.get("to")
    payload = fields.get("input") or fields.get("data") or "0x"
    gas = fields.get("gas")
    return Call(
        sender=account(sender) if sender else Address(b"\x00" * 20),
        to=account(to) if to else Address(b""),
        data=octets(payload),
        value=integer(fields.get("value") or 0),
        gas=None if gas is None else integer(gas),
    )


def find_block(ledger: Ledger, block: Any) -> Mined | None:
    """The block that a tag, a number, a hash or an EIP-1898 object names ("pending": the head)."""
    if isinstance(block, dict):
        block = block.get("blockHash") or block.get("blockNumber")
    if block is None or block in HEAD_TAGS or block == "pending":
        return ledger.head
    if block == "earliest":
        return ledger.block(0)
    if isinstance(block, str) and len(block) == 66:
        number = ledger.number_of(octets(block, 32))
        return None if number is None else ledger.block(number)
    return ledger.block(integer(block))


def need_block(ledger: Ledger, block: Any) -> Mined:
    """`find_block`, or an error in anvil's words when there is none."""
    found = find_block(ledger, block)
    if found is None:
        raise RpcError(
            INVALID_PARAMS,
            f"BlockOutOfRangeError: block height is {ledger.height} but requested was {block}",
        )
    return found


@dataclass(frozen=True)
class LogFilter:
    """An eth_getLogs filter; None in a position of `topics` matches anything."""

    first: int
    last: int
    addresses: frozenset[bytes]
    topics: tuple[frozenset[int] | None, ...]

    def matches(self, emitter: bytes, topics: Sequence[int]) -> bool:
        if self.addresses and emitter not in self.addresses:
            return False
        if len(topics) < len(self.topics):
            return False
        return all(
            want is None or have in want for want, have in zip(self.topics, topics, strict=False)
        )


def log_filter(ledger: Ledger, fields: Any) -> LogFilter:
    if not isinstance(fields, dict):
        raise invalid_params("the filter must be an object")
    if fields.get("blockHash"):
        first = last = int(need_block(ledger, fields["blockHash"]).block.number)
    else:
        first = _height(ledger, fields.get("fromBlock", "latest"))
        need_block(ledger, first)  # anvil refuses a range that begins above the head
        last = min(_height(ledger, fields.get("toBlock", "latest")), ledger.height)
    return LogFilter(
        first,
        last,
        frozenset(octets(one, 20) for one in _listed(fields.get("address"))),
        tuple(_topic(position) for position in fields.get("topics") or []),
    )


def _height(ledger: Ledger, block: Any) -> int:
    """A block's number, which may lie above the head."""
    if block is None or block in (*HEAD_TAGS, "pending"):
        return ledger.height
    return 0 if block == "earliest" else integer(block)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _topic(position: Any) -> frozenset[int] | None:
    wanted = frozenset(int.from_bytes(octets(one, 32), "big") for one in _listed(position))
    return wanted or None
