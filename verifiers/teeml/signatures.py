# SPDX-License-Identifier: Apache-2.0
"""ECDSA on P-256 with SHA-256, in the raw form of quotes: r and s, x and y, 32 bytes each."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_UNCOMPRESSED = b"\x04"


def is_signed(point: bytes, signature: bytes, message: bytes) -> bool:
    """False for a point off the curve too. Both s and its twin verify, as with Intel's own."""
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    if len(signature) != 64:
        return False
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _UNCOMPRESSED + point)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True
