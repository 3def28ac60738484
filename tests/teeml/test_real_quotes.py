# SPDX-License-Identifier: Apache-2.0
"""Quotes of Intel's hardware: their status, their windows, and no bit of them is free."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.teeml.bundles import ALL, GENUINE, Bundle, load
from tests.teeml.flips import Flip, flips
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


def accepted_flips(bundle: Bundle, count: int, seed: int) -> list[Flip]:
    """Flips that changed nothing; a healthy verifier has none."""
    return [
        one
        for one in flips(bundle, count, seed)
        if verify(one.quote, one.given, bundle.now, LENIENT).status != REFUSED
    ]


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
