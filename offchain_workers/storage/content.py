# SPDX-License-Identifier: Apache-2.0
"""Content ids: keccak256 of the bytes, which is also method `none`'s input commitment."""

from __future__ import annotations

import re

from eth_hash.auto import keccak

from offchain_workers.storage.errors import (
    BlobCorruptError,
    BlobTooLargeError,
    InvalidContentIdError,
)

_CONTENT_ID = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


def content_id(data: bytes) -> str:
    """The id of ``data``: 0x and 64 lower-case hex digits of its keccak256."""
    return "0x" + keccak(data).hex()


def check_content_id(cid: str) -> str:
    """``cid`` in lower case; raises InvalidContentIdError unless it is 0x and 64 hex digits."""
    lowered = cid.lower()
    if not _CONTENT_ID.fullmatch(lowered):
        raise InvalidContentIdError(f"{cid[:80]!r} is not a content id (0x and 64 hex digits)")
    return lowered


def verify(cid: str, data: bytes, where: str) -> bytes:
    """``data`` itself when it hashes to ``cid``; raises BlobCorruptError otherwise."""
    actual = content_id(data)
    if actual != cid:
        raise BlobCorruptError(
            f"{where} returned {len(data)} bytes with id {actual}, asked for {cid}"
        )
    return data


def check_size(cid: str, size: int, max_bytes: int) -> None:
    """Raise BlobTooLargeError when ``size`` is over ``max_bytes``."""
    if size > max_bytes:
        raise BlobTooLargeError(f"blob {cid} has {size} bytes, the limit is {max_bytes}")
