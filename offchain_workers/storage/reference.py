# SPDX-License-Identifier: Apache-2.0
"""The ``data`` bytes of a post: the input itself, or where to find it.

``00 | input`` or ``01 | content id (32 bytes) | locator (UTF-8 base URL, may be empty)``, with
``02`` in front where the bytes are a box that only one reader can open (``sealing``); at most 4,224
bytes in all: room for an inline item of 4 KiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.storage.content import check_content_id
from offchain_workers.storage.errors import InvalidReferenceError

MAX_POST_DATA = 4224
MAX_INLINE = MAX_POST_DATA - 1
_INLINE, _REFERENCE, _SEALED = b"\x00", b"\x01", b"\x02"
_ID_END = 33


@dataclass(frozen=True)
class Inline:
    """The raw input travels in the post."""

    data: bytes


@dataclass(frozen=True)
class Reference:
    """The input is a blob; ``locator`` is a base URL that serves it, or empty."""

    cid: str
    locator: str = ""


@dataclass(frozen=True)
class Sealed:
    """The input is in a box, which is there or at a blob."""

    where: Inline | Reference


def encode_inline(data: bytes) -> bytes:
    """Post data that carries ``data``; raises InvalidReferenceError over MAX_INLINE bytes."""
    return _within_limit(_INLINE + data)


def encode_reference(cid: str, locator: str = "") -> bytes:
    """Post data that names a blob, and a base URL that serves it."""
    _check_locator(locator)
    return _within_limit(_REFERENCE + bytes.fromhex(check_content_id(cid)[2:]) + locator.encode())


def encode_sealed(data: bytes) -> bytes:
    """Post data which says that what ``data``, inline or a reference, leads to is a box."""
    return _within_limit(_SEALED + data)


def parse(data: bytes) -> Inline | Reference | Sealed:
    """What ``data`` says; total over arbitrary bytes, InvalidReferenceError for all the rest."""
    _within_limit(data)
    if data[:1] == _SEALED:
        return Sealed(_parse_open(data[1:]))
    return _parse_open(data)


def is_sealed(data: bytes) -> bool:
    """Whether only one reader can know the input."""
    return data[:1] == _SEALED


def _parse_open(data: bytes) -> Inline | Reference:
    kind = data[:1]
    if kind == _INLINE:
        return Inline(data[1:])
    if kind == _REFERENCE:
        return _parse_reference(data)
    raise InvalidReferenceError(
        f"post data starts with {kind.hex() or 'nothing'}, expected 00 or 01"
    )


def _parse_reference(data: bytes) -> Reference:
    if len(data) < _ID_END:
        raise InvalidReferenceError(f"a reference needs 33 bytes or more, got {len(data)}")
    try:
        locator = data[_ID_END:].decode()
    except UnicodeDecodeError:
        raise InvalidReferenceError("the locator of a reference is not UTF-8") from None
    _check_locator(locator)
    return Reference("0x" + data[1:_ID_END].hex(), locator)


def _check_locator(locator: str) -> None:
    if not locator.isprintable() or " " in locator:
        raise InvalidReferenceError("the locator of a reference has blanks or control characters")


def _within_limit(data: bytes) -> bytes:
    if len(data) > MAX_POST_DATA:
        raise InvalidReferenceError(
            f"post data has {len(data)} bytes, the limit is {MAX_POST_DATA}; "
            "store the input as a blob and post its content id"
        )
    return data
