# SPDX-License-Identifier: Apache-2.0
"""Sealed boxes: standard HPKE, for one reader and one job."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain_workers.sealing import (
    OVERHEAD,
    SealedError,
    SealingKey,
    SealingKeyError,
    input_info,
    seal,
)

MARKET, REQUESTER, OTHER = ("0x" + letter * 40 for letter in "abc")
COMMITMENT = bytes(range(32))
INFO = input_info(31337, MARKET, REQUESTER, COMMITMENT)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=5_000), st.binary(max_size=200))
def test_the_reader_opens_what_was_sealed(plaintext: bytes, info: bytes) -> None:
    key = SealingKey.generate()
    sealed = seal(key.public, plaintext, info)
    assert key.open(sealed, info) == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD


def test_two_boxes_of_the_same_bytes_differ() -> None:
    key = SealingKey.generate()
    assert seal(key.public, b"seven", INFO) != seal(key.public, b"seven", INFO)


def test_no_other_key_opens_a_box() -> None:
    sealed = seal(SealingKey.generate().public, b"seven", INFO)
    with pytest.raises(SealedError, match="MN-KEY-013"):
        SealingKey.generate().open(sealed, INFO)


@pytest.mark.parametrize(
    "other",
    [
        input_info(1, MARKET, REQUESTER, COMMITMENT),
        input_info(31337, OTHER, REQUESTER, COMMITMENT),
        input_info(31337, MARKET, OTHER, COMMITMENT),
        input_info(31337, MARKET, REQUESTER, bytes(32)),
        b"",
    ],
    ids=["chain", "market", "requester", "input", "nothing"],
)
def test_a_box_opens_for_its_own_job_alone(other: bytes) -> None:
    key = SealingKey.generate()
    with pytest.raises(SealedError):
        key.open(seal(key.public, b"seven", INFO), other)


def test_every_changed_bit_is_noticed() -> None:
    key = SealingKey.generate()
    sealed = seal(key.public, b"seven", INFO)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealedError):
            key.open(bytes(changed), INFO)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47])
def test_what_is_too_short_is_no_box(length: int) -> None:
    key = SealingKey.generate()
    with pytest.raises(SealedError):
        key.open(seal(key.public, b"", INFO)[:length], INFO)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), b"\1" + bytes(31)])
def test_nothing_is_sealed_to_what_is_no_key(public: bytes) -> None:
    with pytest.raises(SealingKeyError, match="MN-KEY-012"):
        seal(public, b"seven", INFO)


def test_a_key_survives_storage() -> None:
    key = SealingKey.generate()
    again = SealingKey.from_secret(key.secret_bytes())
    assert again.public == key.public
    assert again.open(seal(key.public, b"seven", INFO), INFO) == b"seven"
    with pytest.raises(SealingKeyError):
        SealingKey.from_secret(b"short")


def test_a_key_does_not_show_itself() -> None:
    key = SealingKey.generate()
    secret = key.secret_bytes()
    for text in (repr(key), str(key), f"{key}"):
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text


# --- RFC 9180 by hand, so that the format is the standard's and not one library's ----------------

_KEM = b"KEM" + (0x20).to_bytes(2, "big")
_HPKE = b"HPKE" + b"".join(part.to_bytes(2, "big") for part in (0x20, 1, 2))


def _hmac(key: bytes, data: bytes) -> bytes:
    mac = HMAC(key, SHA256())
    mac.update(data)
    return mac.finalize()


def _extract(suite: bytes, salt: bytes, label: bytes, data: bytes) -> bytes:
    return _hmac(salt or bytes(32), b"HPKE-v1" + suite + label + data)


def _expand(suite: bytes, key: bytes, label: bytes, data: bytes, length: int) -> bytes:
    """Of at most 32 bytes: one block."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + data
    return _hmac(key, labelled + b"\1")[:length]


def test_the_box_is_the_standards() -> None:
    key = SealingKey.generate()
    sealed = seal(key.public, b"seven", INFO)
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    private = X25519PrivateKey.from_private_bytes(key.secret_bytes())
    dh = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    prk = _extract(_KEM, b"", b"eae_prk", dh)
    shared = _expand(_KEM, prk, b"shared_secret", encapsulated + key.public, 32)
    hashes = (_extract(_HPKE, b"", b"psk_id_hash", b""), _extract(_HPKE, b"", b"info_hash", INFO))
    context = b"\0" + b"".join(hashes)
    secret = _extract(_HPKE, shared, b"secret", b"")
    aead_key = _expand(_HPKE, secret, b"key", context, 32)
    nonce = _expand(_HPKE, secret, b"base_nonce", context, 12)
    assert AESGCM(aead_key).decrypt(nonce, ciphertext, b"") == b"seven"
