# SPDX-License-Identifier: Apache-2.0
"""Quotes of Intel's hardware: their status, their windows, and no bit of them is free."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.bundles import ALL, GENUINE, Bundle, load
from verifiers.teeml.certificates import Certificate, read_chain, read_leaf
from verifiers.teeml.collateral import Collateral, QeIdentity, Status, TcbInfo
from verifiers.teeml.policy import Policy
from verifiers.teeml.quote import Quote
from verifiers.teeml.verify import REFUSED, Verdict, verify

FLIPS = 500
LENIENT = Policy(statuses=frozenset(Status) - {Status.REVOKED})
REASONS = {"v4-tdx-tappd-2025-06": "MN-TEE-034", "v5-tdx-alibaba-2025-06": "MN-TEE-036"}


def verdict(bundle: Bundle, at: int | None = None, policy: Policy | None = None) -> Verdict:
    given = Collateral.parse(bundle.collateral)
    return verify(bundle.quote, given, bundle.now if at is None else at, policy)


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_genuine_quotes_get_their_status(bundle: Bundle) -> None:
    found = verdict(bundle)
    assert (found.status, found.advisories) == (bundle.status, bundle.advisories)
    assert found.accepted == (bundle.status in ("UpToDate", "SWHardeningNeeded"))
    assert verdict(bundle, policy=LENIENT).accepted


@pytest.mark.parametrize("name", REASONS)
def test_what_intel_does_not_vouch_for_is_refused(name: str) -> None:
    found = verdict(load(name), policy=LENIENT)
    assert (found.accepted, found.status) == (False, REFUSED)
    assert found.reason.startswith(REASONS[name])


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_a_quote_holds_to_the_second(bundle: Bundle) -> None:
    first, last = bundle.window[0], min(bundle.window[1], lists_end(bundle) - 1)
    assert [verdict(bundle, at, LENIENT).accepted for at in (first, last)] == [True, True]
    assert [verdict(bundle, at, LENIENT).status for at in (first - 1, last + 1)] == [REFUSED] * 2


def lists_end(bundle: Bundle) -> int:
    """When the first of the revocation lists has a successor."""
    given = Collateral.parse(bundle.collateral)
    lists = [x509.load_der_x509_crl(der) for der in (given.root_ca_crl, given.pck_crl)]
    return min(int(one.next_update_utc.timestamp()) for one in lists if one.next_update_utc)


def edges(bundle: Bundle) -> set[int]:
    """The first and last second of everything that has a window."""
    given = Collateral.parse(bundle.collateral)
    found = set[int]()
    for signed in (TcbInfo.parse(given.tcb_info), QeIdentity.parse(given.qe_identity)):
        found |= {signed.issued - 1, signed.until + 1}
    for der in (given.root_ca_crl, given.pck_crl):
        crl = x509.load_der_x509_crl(der)
        assert crl.next_update_utc is not None
        found.add(int(crl.last_update_utc.timestamp()) - 1)
        found.add(int(crl.next_update_utc.timestamp()))
    for certificate in certificates(bundle):
        found.add(certificate.since - 1)
        found.add(certificate.until + 1)
    return found


def certificates(bundle: Bundle) -> Iterator[Certificate]:
    given = Collateral.parse(bundle.collateral)
    yield read_leaf(Quote.parse(bundle.quote).chain)
    for chain in (given.pck_crl_issuer_chain, given.tcb_info_issuer_chain):
        yield from read_chain(chain.encode())


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_one_second_outside_any_window_is_refused(bundle: Bundle) -> None:
    assert {verdict(bundle, at, LENIENT).status for at in edges(bundle)} == {REFUSED}


# --- corruption -------------------------------------------------------------------------------


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


Change = Callable[[int], tuple[bytes, Collateral]]


def changes(bundle: Bundle) -> list[tuple[int, Change]]:
    """How many bits each signed part has, and the bundle with one of them flipped."""
    given = Collateral.parse(bundle.collateral)
    quote = Quote.parse(bundle.quote)
    leaf = read_leaf(quote.chain).raw.public_bytes(Encoding.DER)
    body = bundle.quote[: bundle.quote.index(b"-----BEGIN")]
    # Between the quote's signed bytes and its keys stand lengths, which nobody signs.
    start, keys = len(quote.signed), len(quote.signed) + 4
    report = keys + 128 + (6 if quote.version > 3 else 0)

    def in_quote(offset: int) -> Change:
        return lambda bit: (flipped(bundle.quote, offset * 8 + bit), given)

    def in_leaf(bit: int) -> tuple[bytes, Collateral]:
        return body + pem(flipped(leaf, bit)) + bytes(bundle.quote[len(body) :]), given

    def in_field(name: str) -> Change:
        whole = getattr(given, name)
        if isinstance(whole, bytes):
            return lambda bit: (bundle.quote, with_field(name, flipped(whole, bit)))
        # Seven bits of each character: with the eighth it would be no text at all.
        return lambda bit: (
            bundle.quote,
            with_field(name, flipped(whole.encode(), bit // 7 * 8 + bit % 7).decode()),
        )

    def with_field(name: str, value: bytes | str) -> Collateral:
        return given.model_copy(update={name: value})

    fields = ("root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature")
    texts = ("tcb_info", "qe_identity")
    return [
        (start * 8, in_quote(0)),
        (128 * 8, in_quote(keys)),
        ((384 + 64) * 8, in_quote(report)),
        (32 * 8, in_quote(report + 384 + 64 + 2)),
        (len(leaf) * 8, in_leaf),
        *((len(getattr(given, name)) * 8, in_field(name)) for name in fields),
        *((len(getattr(given, name)) * 7, in_field(name)) for name in texts),
    ]


def pem(der: bytes) -> bytes:
    text = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def accepted_flips(bundle: Bundle, count: int, seed: int) -> list[tuple[int, int]]:
    """Part and bit of each flip that changed nothing; a healthy verifier has none."""
    parts, rng = changes(bundle), random.Random(seed)
    weights = [bits for bits, _ in parts]
    found = []
    for part in rng.choices(range(len(parts)), weights, k=count):
        bits, change = parts[part]
        bit = rng.randrange(bits)
        quote, given = change(bit)
        if verify(quote, given, bundle.now, LENIENT).status != REFUSED:
            found.append((part, bit))
    return found


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_no_signed_bit_is_free(bundle: Bundle) -> None:
    assert accepted_flips(bundle, FLIPS // len(GENUINE), 7) == []


@pytest.mark.slow
@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_no_signed_bit_is_free_at_length(bundle: Bundle) -> None:
    assert accepted_flips(bundle, 20_000 // len(GENUINE), 11) == []


def test_collateral_of_one_platform_does_not_serve_another() -> None:
    ours, other = load("v4-tdx-B0C06F000000-2025-06"), load("v4-tdx-00806F050000-2025-07")
    found = verify(ours.quote, Collateral.parse(other.collateral), other.now, LENIENT)
    assert found.reason.startswith("MN-TEE-023")


def test_collateral_of_sgx_does_not_serve_tdx() -> None:
    ours, other = load("v4-tdx-B0C06F000000-2025-06"), load("v3-sgx-00A067110000-2025-06")
    mixed = json.loads(ours.collateral)
    sgx = json.loads(other.collateral)
    for names in (("tcb_info", "tcb_info_signature"), ("qe_identity", "qe_identity_signature")):
        swapped = mixed | {name: sgx[name] for name in names}
        found = verify(ours.quote, Collateral.parse(json.dumps(swapped)), other.now, LENIENT)
        assert found.reason.startswith("MN-TEE-023")


@pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: bundle.name)
def test_a_quote_cut_off_anywhere_is_refused(bundle: Bundle) -> None:
    given = Collateral.parse(bundle.collateral)
    end = bundle.quote.index(b"-----END CERTIFICATE-----")
    rng = random.Random(5)
    for size in [0, 1, 47, 48, *(rng.randrange(end) for _ in range(20))]:
        assert verify(bundle.quote[:size], given, bundle.now, LENIENT).status == REFUSED
