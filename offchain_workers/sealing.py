# SPDX-License-Identifier: Apache-2.0
"""Bytes for one reader: HPKE (RFC 9180), base mode, X25519, HKDF-SHA256, AES-256-GCM.

A sealed box is the sender's fresh public key (32 bytes), then ciphertext and tag, ``OVERHEAD``
bytes longer than what is inside. It opens only with the reader's key under the same ``info``. It
says nothing about who sealed it.
"""

from __future__ import annotations

from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offchain_workers.errors import FusionError

# 32 of the sender's key, 16 of the tag.
OVERHEAD = 48
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INPUT = b"model network: sealed input 1"
_OUTPUT = b"model network: sealed answer 1"


class SealingError(FusionError):
    """Base: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class SealingKeyError(SealingError):
    """Bytes that are no key to seal to, or to open with."""

    CODE = "MN-KEY-012"


class SealedError(SealingError):
    """A box that does not open: for another reader, under another info, or changed."""

    CODE = "MN-KEY-013"


class SealingKey:
    """The reader's private key. Never shown: not by ``repr``, not by ``str``."""

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SealingKey:
        """A new one, from the machine's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_secret(cls, data: bytes) -> SealingKey:
        """Of what ``secret_bytes`` returned. Raises SealingKeyError."""
        try:
            return cls(X25519PrivateKey.from_private_bytes(data))
        except ValueError:
            raise SealingKeyError(f"a sealing key has 32 bytes, not {len(data)}") from None

    def secret_bytes(self) -> bytes:
        """The private key itself, 32 bytes: to be stored encrypted, or not at all."""
        return self._private.private_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What is inside. Raises SealedError, which says nothing about why."""
        try:
            return _SUITE.decrypt(sealed, self._private, info=info)
        except (InvalidTag, ValueError):
            raise SealedError("the box does not open with this key for this job") from None


def derived(secret: bytes, purpose: bytes) -> SealingKey:
    """The key that belongs to a secret of full strength, as an account's, for one purpose."""
    return SealingKey.from_secret(HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret))


def seal(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """``plaintext`` for the holder of the key behind ``public`` (32 bytes), under ``info``.

    Raises SealingKeyError for bytes that are no public key (a point of low order, too).
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info=info)
    except ValueError as error:
        raise SealingKeyError(f"0x{public[:40].hex()} is no key to seal to: {error}") from None


def input_info(chain_id: int, market: str, requester: str, input_commitment: bytes) -> bytes:
    """The ``info`` of a job's sealed input: it opens for this requester and this input alone.

    Who copies the box and the commitment into a job of its own is another requester. Every part but
    the first has a fixed length: 32 bytes, two addresses of 20, 32 bytes.
    """
    parts = (chain_id.to_bytes(32, "big"), _address(market), _address(requester), input_commitment)
    return _INPUT + b"".join(parts)


def output_info(job_id: bytes) -> bytes:
    """The ``info`` of a job's sealed answer."""
    return _OUTPUT + job_id


def _address(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
