# SPDX-License-Identifier: Apache-2.0
"""Whether an input can be found anywhere: on the chain, in files, in logs, in databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from web3 import Web3

WINDOW = 12


def values_of(item: bytes, kind: str = "<i4") -> list[int]:
    """Of an item whose values are integers, of four bytes or of another numpy ``kind``."""
    return [int(value) for value in np.frombuffer(item, kind)]


def needles(item: bytes, kind: str = "<i4") -> list[bytes]:
    """How parts of an item may be written: as it travels, a byte a value, hexadecimal, decimal,
    as a program shows bytes, as ezkl writes values."""
    found: list[bytes] = []
    values, width = values_of(item, kind), np.dtype(kind).itemsize
    for at in range(0, len(values) - WINDOW + 1, WINDOW):
        part = values[at : at + WINDOW]
        for data in (
            item[width * at : width * (at + WINDOW)],
            bytes(value % 256 for value in part),
        ):
            found += [data, data.hex().encode(), data.hex().upper().encode()]
            found.append(repr(data)[2:-1].encode())
        found += [between.join(map(str, part)).encode() for between in (",", ", ")]
        felts = [value.to_bytes(32, "little").hex() for value in part[:4]]
        found += [between.join(felts).encode() for between in ('","', '", "')]
    return found


def places(item: bytes, w3: Web3, folders: list[Path], kind: str = "<i4") -> list[str]:
    """Where an item shows: names of files, and of what is on the chain."""
    return where(needles(item, kind), w3, folders)


def where(wanted: list[bytes], w3: Web3, folders: list[Path]) -> list[str]:
    """Where any of these bytes shows."""
    shown = (name for name, data in (*_chain(w3), *_files(folders)) if _any(wanted, data))
    return sorted(set(shown))


def _any(wanted: list[bytes], data: bytes) -> bool:
    return any(needle in data for needle in wanted)


def _chain(w3: Web3) -> Iterator[tuple[str, bytes]]:
    """Calldata and logs of every block."""
    for number in range(w3.eth.block_number + 1):
        for transaction in w3.eth.get_block(number, full_transactions=True)["transactions"]:
            assert not isinstance(transaction, bytes)
            yield "calldata", bytes(transaction["input"])
            for log in w3.eth.get_transaction_receipt(transaction["hash"])["logs"]:
                yield "log", bytes(log["data"])


def _files(folders: list[Path]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path.relative_to(folder)), path.read_bytes()


def json_of(item: bytes, kind: str = "<i4") -> str:
    """The file that a requester hands to `fusion post`."""
    return json.dumps(values_of(item, kind))
