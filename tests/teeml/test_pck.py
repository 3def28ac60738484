# SPDX-License-Identifier: Apache-2.0
"""The SGX extension of PCK certificates: read exactly, or not at all."""

from __future__ import annotations

import random

import pytest
from cryptography import x509

from verifiers.teeml.certificates import read_leaf
from verifiers.teeml.errors import CertificateError
from verifiers.teeml.pck import Pck
from verifiers.teeml.simulated import Platform
from verifiers.teeml.simulated.authority import pem
from verifiers.teeml.simulated.der import SGX_EXTENSION, sgx_extension

GOOD = sgx_extension(range(16), 300, bytes(16), b"\0\1", b"\1\2\3\4\5\6", scalable=True)
OID = bytes.fromhex("2a864886f84d010d01")
PCESVN = bytes.fromhex("060b2a864886f84d010d0102110202012c")
FIRST = bytes.fromhex("060b2a864886f84d010d010201020100")


def read(extension: bytes) -> Pck:
    value = x509.UnrecognizedExtension(SGX_EXTENSION, extension)
    return Pck.of(x509.Extensions([x509.Extension(SGX_EXTENSION, False, value)]))


@pytest.mark.parametrize("scalable", [True, False])
def test_what_was_certified_is_read(scalable: bool) -> None:
    rng = random.Random(1)
    for _ in range(50):
        machine = Platform(
            label=str(rng.random()),
            sgx=tuple(rng.choices((0, 1, 127, 128, 255), k=16)),
            pcesvn=rng.choice((0, 11, 127, 128, 255, 256, 32_767, 32_768, 65_535)),
            fmspc=rng.randbytes(6),
            pceid=rng.randbytes(2),
            scalable=scalable,
        )
        found = Pck.of(read_leaf(pem(machine.pck).encode()).extensions)
        certified = (machine.ppid, machine.sgx, machine.pcesvn, machine.pceid, machine.fmspc)
        assert found == Pck(*certified)


BROKEN = {
    "empty": b"",
    "bytes after it": GOOD + b"\0",
    "twice": GOOD + GOOD,
    "cut off": GOOD[:-1],
    "another tag": b"\x31" + GOOD[1:],
    "long form of a short length": GOOD.replace(PCESVN, PCESVN.replace(b"\2\2\1", b"\2\x81\2\1")),
    "negative": GOOD.replace(FIRST, FIRST[:-1] + b"\x80"),
    "octets for a number": GOOD.replace(FIRST, FIRST[:-3] + b"\4\1\0"),
    "another vendor's OID": GOOD.replace(FIRST, FIRST.replace(b"\xf8\x4d", b"\xf8\x4e")),
    "field twice": GOOD.replace(b"\x0d\1\2\2\2", b"\x0d\1\2\1\2"),
    "fields out of order": GOOD.replace(b"\x0d\1\2\1\2", b"\x0d\1\2\x13\2"),
    "no FMSPC": GOOD.replace(b"\x0d\1\4\4\6", b"\x0d\1\x09\4\6"),
    "too large a PCE SVN": sgx_extension(range(16), 65_536, bytes(16), bytes(2), bytes(6), True),
    "empty number": GOOD.replace(FIRST, FIRST[:-3] + b"\2\0\0"),
    "short PPID": sgx_extension(range(16), 1, bytes(15), bytes(2), bytes(6), True),
    "short FMSPC": sgx_extension(range(16), 1, bytes(16), bytes(2), bytes(5), True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_other_encodings_are_refused(name: str) -> None:
    assert BROKEN[name] != GOOD
    with pytest.raises(CertificateError):
        read(BROKEN[name])


def test_no_changed_byte_goes_unnoticed_but_in_what_nobody_reads() -> None:
    """Unread: the CPUSVN, and what follows the FMSPC (kind, platform instance, flags)."""
    rng, good = random.Random(3), read(GOOD)
    cpusvn, kind = GOOD.index(OID + b"\2\x12") + 13, GOOD.index(OID + b"\5")
    for _ in range(2_000):
        at, bit = rng.randrange(len(GOOD)), 1 << rng.randrange(8)
        changed = GOOD[:at] + bytes([GOOD[at] ^ bit]) + GOOD[at + 1 :]
        try:
            same = read(changed) == good
        except CertificateError:
            continue
        assert not same or cpusvn <= at < cpusvn + 16 or at >= kind


def test_a_certificate_without_the_extension_has_no_platform() -> None:
    with pytest.raises(CertificateError):
        Pck.of(x509.Extensions([]))
