# SPDX-License-Identifier: Apache-2.0
"""Block headers: parsing, recomputing the hash, and the logs bloom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from eth_utils.crypto import keccak

# Order fixed by the protocol; the optional tail grew with the hard forks.
_FIXED = (
    ("parentHash", "bytes"),
    ("sha3Uncles", "bytes"),
    ("miner", "bytes"),
    ("stateRoot", "bytes"),
    ("transactionsRoot", "bytes"),
    ("receiptsRoot", "bytes"),
    ("logsBloom", "bytes"),
    ("difficulty", "int"),
    ("number", "int"),
    ("gasLimit", "int"),
    ("gasUsed", "int"),
    ("timestamp", "int"),
    ("extraData", "bytes"),
    ("mixHash", "bytes"),
    ("nonce", "bytes"),
)
_TAIL = (
    ("baseFeePerGas", "int"),
    ("withdrawalsRoot", "bytes"),
    ("blobGasUsed", "int"),
    ("excessBlobGas", "int"),
    ("parentBeaconBlockRoot", "bytes"),
    ("requestsHash", "bytes"),
)
_NOT_HEADER = {"hash", "size", "uncles", "transactions", "withdrawals", "totalDifficulty"}
_KNOWN = {name for name, _ in _FIXED + _TAIL} | _NOT_HEADER


class MalformedHeaderError(ValueError):
    """A node's block object lacks a field or holds one that isn't hex."""


@dataclass(frozen=True)
class Header:
    """What the daemons need of a block header. ``genuine`` tells whether keccak(rlp) is ``hash``.

    ``genuine`` is None when the header has fields that this version does not know.
    """

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int
    bloom: bytes
    genuine: bool | None

    def may_contain(self, items: Iterable[bytes]) -> bool:
        """Whether the bloom says that one of ``items`` (addresses or topics) may be in the logs."""
        return any(_in_bloom(self.bloom, item) for item in items)

    def contains_all(self, items: Iterable[bytes]) -> bool:
        """Whether the bloom admits every one of ``items``."""
        return all(_in_bloom(self.bloom, item) for item in items)


def parse(block: Mapping[str, Any]) -> Header:
    """Read a JSON-RPC block object. Raises MalformedHeaderError."""
    try:
        return Header(
            number=int(block["number"], 16),
            hash=_raw(block["hash"]),
            parent_hash=_raw(block["parentHash"]),
            timestamp=int(block["timestamp"], 16),
            base_fee=int(block.get("baseFeePerGas") or "0x0", 16),
            bloom=_raw(block.get("logsBloom") or "0x").rjust(256, b"\0"),
            genuine=_genuine(block),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedHeaderError(f"block object can't be read: {error!r}") from error


def _genuine(block: Mapping[str, Any]) -> bool | None:
    if any(block.get(name) is None for name, _ in _FIXED):
        return None
    tail = [field for field in _TAIL if block.get(field[0]) is not None]
    encoded = rlp.encode([_value(block[name], kind) for name, kind in (*_FIXED, *tail)])
    if keccak(encoded) == _raw(block["hash"]):
        return True
    return False if block.keys() <= _KNOWN else None


def _value(text: str, kind: str) -> bytes | int:
    return int(text, 16) if kind == "int" else _raw(text)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _in_bloom(bloom: bytes, item: bytes) -> bool:
    return all(bloom[255 - bit // 8] & (1 << bit % 8) for bit in _bits(item))


@lru_cache(maxsize=1024)
def _bits(item: bytes) -> tuple[int, ...]:
    digest = keccak(item)
    return tuple(int.from_bytes(digest[i : i + 2], "big") & 2047 for i in (0, 2, 4))
