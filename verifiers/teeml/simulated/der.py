# SPDX-License-Identifier: Apache-2.0
"""The SGX extension of a PCK certificate, in DER."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
_PREFIX = bytes.fromhex("2a864886f84d010d01")
_INTEGER, _OCTETS, _OID, _ENUMERATED, _SEQUENCE = 0x02, 0x04, 0x06, 0x0A, 0x30


def sgx_extension(
    sgx: Sequence[int], pcesvn: int, ppid: bytes, pceid: bytes, fmspc: bytes, scalable: bool
) -> bytes:
    """PPID, TCB, PCE id, FMSPC and SGX type; ``scalable`` adds what a Platform CA certifies."""
    svns = [_entry((2, i + 1), _integer(svn)) for i, svn in enumerate([*sgx, pcesvn])]
    tcb = b"".join([*svns, _entry((2, 18), _tlv(_OCTETS, bytes(sgx)))])
    entries = [
        _entry((1,), _tlv(_OCTETS, ppid)),
        _entry((2,), _tlv(_SEQUENCE, tcb)),
        _entry((3,), _tlv(_OCTETS, pceid)),
        _entry((4,), _tlv(_OCTETS, fmspc)),
        _entry((5,), _tlv(_ENUMERATED, bytes([scalable]))),
    ]
    if scalable:
        true = b"\x01\x01\xff"
        flags = b"".join(_entry((7, i), true) for i in (1, 2, 3))
        entries += [_entry((6,), _tlv(_OCTETS, bytes(16))), _entry((7,), _tlv(_SEQUENCE, flags))]
    return _tlv(_SEQUENCE, b"".join(entries))


def _entry(oid: tuple[int, ...], value: bytes) -> bytes:
    return _tlv(_SEQUENCE, _tlv(_OID, _PREFIX + bytes(oid)) + value)


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + value
