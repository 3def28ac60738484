# SPDX-License-Identifier: Apache-2.0
"""The contracts read certificates and lists as `cryptography` does, and refuse what is bent."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from offchain_workers.chain.hashing import keccak
from tests.teeml.bundles import ALL
from tests.teeml.contracts.certificates import broken, certificate
from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.verifying import intel
from tests.teeml.test_real_quotes import certificates as chain_of
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.roots import PLATFORM_CA
from verifiers.teeml.simulated import Authority

FEW, MANY = 2_000, 10_000
DAY, ISSUED = 86_400, 1_750_000_000


def facts(one: x509.Certificate) -> dict[str, Any]:
    """What the contract should say, by `cryptography`."""
    r, s = decode_dss_signature(one.signature)
    key = one.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    constraints = [e.value.ca for e in one.extensions if isinstance(e.value, x509.BasicConstraints)]
    usages = [e.value for e in one.extensions if isinstance(e.value, x509.KeyUsage)]
    return {
        "digest": hashlib.sha256(one.tbs_certificate_bytes).digest(),
        "r": r,
        "s": s,
        "issuer": keccak(one.issuer.public_bytes()),
        "subject": keccak(one.subject.public_bytes()),
        "serial": one.serial_number,
        "since": int(one.not_valid_before_utc.timestamp()),
        "until": int(one.not_valid_after_utc.timestamp()),
        "x": numbers.x,
        "y": numbers.y,
        "ca": any(constraints),
        "usage": sum(usage_bits(usage) for usage in usages),
        "sgx": any(e.oid.dotted_string == "1.2.840.113741.1.13.1" for e in one.extensions),
    }


def usage_bits(usage: x509.KeyUsage) -> int:
    return (
        usage.digital_signature << 7
        | usage.content_commitment << 6
        | usage.key_cert_sign << 2
        | usage.crl_sign << 1
    )


def read(der: bytes) -> dict[str, Any]:
    found: dict[str, Any] = intel().certificates.call("certificate", der)
    return found


def check_agreement(seeds: range) -> None:
    for seed in seeds:
        one = certificate(random.Random(seed))
        assert read(one.public_bytes(Encoding.DER)) == facts(one), seed


def taken(seeds: range) -> list[tuple[int, str]]:
    """Broken certificates that the contract read all the same."""
    found = []
    for seed in seeds:
        rng = random.Random(seed)
        name, der = broken(certificate(rng), rng)
        try:
            read(der)
        except RevertedError:
            continue
        found.append((seed, name))
    return found


def test_real_certificates_are_read_as_they_are() -> None:
    read_ones = {one.raw for bundle in ALL for one in chain_of(bundle)}
    assert len(read_ones) >= 10
    for one in read_ones:
        assert read(one.public_bytes(Encoding.DER)) == facts(one)


def test_certificates_are_read_as_cryptography_does() -> None:
    check_agreement(range(FEW))


@pytest.mark.slow
def test_certificates_are_read_as_cryptography_does_at_length() -> None:
    check_agreement(range(FEW, FEW + MANY))


def test_broken_certificates_are_refused() -> None:
    assert taken(range(FEW)) == []


@pytest.mark.slow
def test_broken_certificates_are_refused_at_length() -> None:
    assert taken(range(FEW, FEW + MANY)) == []


# --- lists ------------------------------------------------------------------------------------


def check_list(der: bytes) -> None:
    crl = x509.load_der_x509_crl(der)
    found = intel().certificates.call("revocation_list", der)
    assert (found["r"], found["s"]) == decode_dss_signature(crl.signature)
    assert found["digest"] == hashlib.sha256(crl.tbs_certlist_bytes).digest()
    assert found["issuer"] == keccak(crl.issuer.public_bytes())
    assert found["issued"] == int(crl.last_update_utc.timestamp())
    assert crl.next_update_utc is not None
    assert found["until"] == int(crl.next_update_utc.timestamp()) - 1
    assert list(found["serials"]) == [entry.serial_number for entry in crl]


def test_real_lists_are_read_as_they_are() -> None:
    for bundle in ALL:
        given = Collateral.parse(bundle.collateral)
        check_list(given.root_ca_crl)
        check_list(given.pck_crl)


@pytest.mark.parametrize("entries", [0, 1, 2, 100, 300])
def test_lists_are_read_as_cryptography_does(entries: int) -> None:
    rng = random.Random(entries)
    serials = [rng.randrange(1, 1 << rng.randrange(8, 160)) for _ in range(entries)]
    crl = Authority().crl(PLATFORM_CA, ISSUED, ISSUED + DAY, serials)
    check_list(crl.public_bytes(Encoding.DER))


def test_no_bit_of_a_lists_frame_is_free() -> None:
    """Tags and lengths: a list with one of them changed is refused, or says so in its digest."""
    der = (
        Authority().crl(PLATFORM_CA, ISSUED, ISSUED + DAY, [7, 1 << 100]).public_bytes(Encoding.DER)
    )
    whole = intel().certificates.call("revocation_list", der)
    for bit in range(len(der) * 8):
        changed = bytearray(der)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = intel().certificates.call("revocation_list", bytes(changed))
        except RevertedError:
            continue
        assert any(found[part] != whole[part] for part in ("digest", "r", "s")), bit


@pytest.mark.parametrize("change", [b"", b"\0", bytes(40)], ids=len)
def test_a_list_ends_where_it_says(change: bytes) -> None:
    der = Authority().crl(PLATFORM_CA, ISSUED, ISSUED + DAY, [7]).public_bytes(Encoding.DER)
    bent = der + change if change else der[:-1]
    with pytest.raises(RevertedError):
        intel().certificates.call("revocation_list", bent)
