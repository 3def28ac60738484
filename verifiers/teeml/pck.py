# SPDX-License-Identifier: Apache-2.0
"""What a PCK certificate says of its platform: the SGX extension, read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from verifiers.teeml.errors import CertificateError

_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
_OID_PREFIX = bytes.fromhex("2a864886f84d010d01")
_INTEGER, _OCTETS, _OID, _SEQUENCE = 0x02, 0x04, 0x06, 0x30
_COMPONENTS, _PCESVN, _CPUSVN = 16, 17, 18
_MAX_PCESVN = 0xFFFF
# Field and size in bytes: PPID, PCE id, FMSPC.
_IDS = ((1, 16), (3, 2), (4, 6))
Field = tuple[int, bytes]


@dataclass(frozen=True)
class Pck:
    """``sgx``: 16 SVN components; ``ppid`` names the machine, ``fmspc`` its kind."""

    ppid: bytes
    sgx: tuple[int, ...]
    pcesvn: int
    pceid: bytes
    fmspc: bytes

    @classmethod
    def of(cls, extensions: x509.Extensions) -> Pck:
        """Raises CertificateError."""
        try:
            found = extensions.get_extension_for_oid(_EXTENSION).value
        except x509.ExtensionNotFound as error:
            raise CertificateError("the PCK certificate has no SGX extension") from error
        return cls._parse(found.public_bytes())

    @classmethod
    def _parse(cls, der: bytes) -> Pck:
        fields = _fields(_only(der, _SEQUENCE))
        tcb = _fields(_value(fields, 2, _SEQUENCE))
        if list(tcb) != list(range(1, _CPUSVN + 1)):
            raise CertificateError("the SGX extension's TCB has not its 18 fields in order")
        _octets(tcb, _CPUSVN, 16)
        pcesvn = _number(tcb, _PCESVN, _MAX_PCESVN)
        sgx = tuple(_number(tcb, i + 1, 0xFF) for i in range(_COMPONENTS))
        return cls(
            _octets(fields, 1, 16), sgx, pcesvn, _octets(fields, 3, 2), _octets(fields, 4, 6)
        )


def _fields(body: bytes) -> dict[int, Field]:
    """Last number of each entry's OID -> tag and content."""
    found: dict[int, Field] = {}
    for tag, entry in _elements(body):
        parts = list(_elements(entry)) if tag == _SEQUENCE else []
        if len(parts) != 2 or parts[0][0] != _OID:
            raise CertificateError("an entry of the SGX extension is not an OID and a value")
        oid = parts[0][1]
        if not oid.startswith(_OID_PREFIX) or oid[-1] in found:
            raise CertificateError("an OID of the SGX extension is unknown or there twice")
        found[oid[-1]] = parts[1]
    return found


def _value(fields: dict[int, Field], number: int, tag: int) -> bytes:
    field = fields.get(number)
    if field is None or field[0] != tag:
        raise CertificateError(f"field {number} of the SGX extension is missing or mistyped")
    return field[1]


def _octets(fields: dict[int, Field], number: int, size: int) -> bytes:
    value = _value(fields, number, _OCTETS)
    if len(value) != size:
        raise CertificateError(f"field {number} of the SGX extension has {len(value)} bytes")
    return value


def _number(fields: dict[int, Field], number: int, most: int) -> int:
    content = _value(fields, number, _INTEGER)
    value = int.from_bytes(content, "big", signed=True)
    if not 0 <= value <= most or len(content) != value.bit_length() // 8 + 1:
        raise CertificateError(f"field {number} of the SGX extension is out of range")
    return value


def _only(der: bytes, tag: int) -> bytes:
    found = list(_elements(der))
    if len(found) != 1 or found[0][0] != tag:
        raise CertificateError("the SGX extension is not one sequence")
    return found[0][1]


def _elements(body: bytes) -> Iterator[Field]:
    """Tag and content of each element; the last ends where ``body`` ends."""
    while body:
        size, start = _length(body)
        if start + size > len(body):
            raise CertificateError("an element of the SGX extension is cut off")
        yield body[0], body[start : start + size]
        body = body[start + size :]


def _length(body: bytes) -> tuple[int, int]:
    """Of the content, and where it starts; the shortest form is the only one."""
    if len(body) < 2:
        raise CertificateError("an element of the SGX extension is cut off")
    first = body[1]
    if first < 0x80:
        return first, 2
    octets = body[2 : 2 + first - 0x80]
    size = int.from_bytes(octets, "big")
    least = 0x80 if len(octets) == 1 else 0x100
    if first not in (0x81, 0x82) or len(octets) != first - 0x80 or size < least:
        raise CertificateError("a length in the SGX extension is not in its shortest form")
    return size, 2 + len(octets)
