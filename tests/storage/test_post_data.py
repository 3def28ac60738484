# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.storage import InvalidContentIdError, InvalidReferenceError, content_id
from offchain_workers.storage.reference import (
    MAX_INLINE,
    MAX_POST_DATA,
    Inline,
    Reference,
    Sealed,
    encode_inline,
    encode_reference,
    encode_sealed,
    is_sealed,
    parse,
)

CID = content_id(b"input")


def test_layout() -> None:
    assert encode_inline(b"ab") == b"\x00ab"
    assert encode_reference(CID) == b"\x01" + bytes.fromhex(CID[2:])
    assert encode_reference(CID, "http://a")[33:] == b"http://a"


@given(st.binary(max_size=MAX_INLINE))
def test_inline_round_trip(data: bytes) -> None:
    assert parse(encode_inline(data)) == Inline(data)


@pytest.mark.parametrize(
    "locator", ["", "https://blobs.example:8443/base", "https://bücher.example"]
)
def test_reference_round_trip(locator: str) -> None:
    assert parse(encode_reference(CID, locator)) == Reference(CID, locator)


@given(st.binary(max_size=MAX_POST_DATA + 10))
def test_parse_is_total_and_exact(data: bytes) -> None:
    try:
        found = parse(data)
    except InvalidReferenceError:
        return
    assert isinstance(found, Sealed) == is_sealed(data)
    assert encoded(found) == data


def encoded(found: Inline | Reference | Sealed) -> bytes:
    if isinstance(found, Sealed):
        return encode_sealed(encoded(found.where))
    if isinstance(found, Inline):
        return encode_inline(found.data)
    return encode_reference(found.cid, found.locator)


@pytest.mark.parametrize("where", [Inline(b"box"), Reference(CID, "http://a")])
def test_a_box_is_there_or_at_a_blob(where: Inline | Reference) -> None:
    data = encode_sealed(encoded(where))
    assert data == b"\x02" + encoded(where)
    assert parse(data) == Sealed(where)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        b"\x02\x02\x00box",
        b"\x02\x01",
        b"\x03",
        b"\x01",
        b"\x01" + bytes(31),
        b"\x01" + bytes(32) + b"\xff",
        bytes(MAX_POST_DATA + 1),
    ],
)
def test_malformed_post_data(data: bytes) -> None:
    with pytest.raises(InvalidReferenceError):
        parse(data)


@pytest.mark.parametrize("locator", ["http://a\n", "http://a b", "\x00", "\u202egnp"])
def test_locator_with_control_characters(locator: str) -> None:
    with pytest.raises(InvalidReferenceError):
        encode_reference(CID, locator)
    with pytest.raises(InvalidReferenceError):
        parse(b"\x01" + bytes(32) + locator.encode())


def test_limits() -> None:
    assert len(encode_inline(bytes(MAX_INLINE))) == MAX_POST_DATA
    with pytest.raises(InvalidReferenceError, match="4225 bytes, the limit is 4224"):
        encode_inline(bytes(MAX_INLINE + 1))
    with pytest.raises(InvalidReferenceError):
        encode_reference(CID, "h" * MAX_POST_DATA)
    with pytest.raises(InvalidContentIdError):
        encode_reference("0x12")
