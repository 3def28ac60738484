# SPDX-License-Identifier: Apache-2.0
"""Certificates, revocation lists and bytes in the forms that people write them in.

Nothing is trusted here: what is read wrong fails its signature later.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from verifiers.teeml.errors import CollateralFileError

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_CRL = b"-----BEGIN X509 CRL-----"


def chain(name: str, value: Any) -> str:
    """In PEM: of PEM in any form, of a list of it, or of one certificate in DER. Raises
    CollateralFileError."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "".join(chain(name, one) for one in value)
    data = plain(name, value)
    if _CERTIFICATE not in data:
        try:
            data = x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)
        except ValueError as error:
            raise CollateralFileError(f"no collateral: {name}: no certificate in it") from error
    return data.decode("latin-1").rstrip("\0").rstrip("\n") + "\n"


def in_order(pieces: Mapping[str, str]) -> dict[str, str]:
    """Chains as they are checked: who signed, then the root, which is in others when it is left
    out. A chain that is neither stays as it is, to be refused."""
    found = {name: _certificates(pem) for name, pem in pieces.items()}
    roots = [one for each in found.values() for one in each if one.subject == one.issuer]
    ordered = {}
    for name, each in found.items():
        signers = [one for one in each if one.subject != one.issuer]
        top = [one for one in roots if signers and one.subject == signers[-1].issuer]
        if top:
            pair = signers[-1], top[0]
            ordered[name] = b"".join(one.public_bytes(Encoding.PEM) for one in pair).decode()
    return ordered


def _certificates(pem: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        return [one for one in found if one.subject and one.issuer]  # which are read only now
    except ValueError:
        return []


def revocations(name: str, data: bytes) -> bytes:
    """A list in DER, of either kind. Raises CollateralFileError."""
    try:
        if _CRL in data:
            return x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)
    except ValueError as error:
        raise CollateralFileError(f"no collateral: {name}: no revocation list in it") from error
    return data


def plain(name: str, value: Any) -> bytes:
    """Of bytes, numbers, hexadecimal digits, base64, or text that is escaped as in headers. Raises
    CollateralFileError."""
    if isinstance(value, list):
        try:
            return bytes(value)
        except (ValueError, TypeError) as error:
            raise CollateralFileError(f"no collateral: {name}: not a list of bytes") from error
    data = value if isinstance(value, bytes) else str(value).encode()
    if b"-----BEGIN%20" in data:
        data = unquote(data.decode("latin-1")).encode("latin-1")
    if b"-----BEGIN" in data:
        return data.replace(b"\\n", b"\n")
    inner = _decoded(data.strip().rstrip(b"\0"))
    if inner is not None:
        # Hexadecimal digits of PEM, or of digits, are in use too.
        return plain(name, inner) if _is_text(inner) else inner
    if isinstance(value, bytes):
        return data
    raise CollateralFileError(f"no collateral: {name}: neither hexadecimal digits nor base64")


def _decoded(data: bytes) -> bytes | None:
    try:
        return bytes.fromhex(data.decode("ascii").removeprefix("0x"))
    except ValueError:
        pass
    try:
        return base64.b64decode(b"".join(data.split()), validate=True) or None
    except binascii.Error:
        return None


def _is_text(data: bytes) -> bool:
    """Whether bytes that were digits are digits, or PEM, themselves."""
    return len(data) > 1 and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)
