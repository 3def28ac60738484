# SPDX-License-Identifier: Apache-2.0
"""Quotes of Intel's hardware through the contracts: their status, their windows, no bit is free."""

from __future__ import annotations

import pytest

from tests.teeml.bundles import ALL, GENUINE, Bundle, load
from tests.teeml.contracts.machine import RevertedError
from tests.teeml.contracts.verifying import intel
from tests.teeml.flips import Flip, flips
from tests.teeml.test_real_quotes import edges
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.errors import TeeError
from verifiers.teeml.quote import Quote

FLIPS = 500
REASONS = {"v4-tdx-tappd-2025-06": "tcb level", "v5-tdx-alibaba-2025-06": "service td"}
# A whole transaction on a chain without the P-256 precompile.
MOST_GAS = 1_900_000
INTRINSIC = 21_000


def status(bundle: Bundle, at: int | None = None) -> str:
    given = Collateral.parse(bundle.collateral)
    return intel().status(bundle.quote, given, bundle.now if at is None else at)


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_genuine_quotes_get_their_status(bundle: Bundle) -> None:
    assert status(bundle) == bundle.status


@pytest.mark.parametrize("name", REASONS)
def test_what_intel_does_not_vouch_for_is_refused(name: str) -> None:
    with pytest.raises(RevertedError, match=f"^{REASONS[name]}$"):
        status(load(name))


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_a_quote_holds_to_the_second(bundle: Bundle) -> None:
    first, last = bundle.window
    # A revocation list ends a second before the next one is due.
    assert [status(bundle, at) for at in (first, last - 1)] == [bundle.status] * 2


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_one_second_outside_any_window_is_refused(bundle: Bundle) -> None:
    for at in edges(bundle):
        with pytest.raises(RevertedError, match="window"):
            status(bundle, at)


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_stored_collateral_ends_with_its_window(bundle: Bundle) -> None:
    """What was good when it came is refused once it isn't; claims say until when."""
    chain, given = intel(), Collateral.parse(bundle.collateral)
    chain.machine.at(bundle.now)
    with chain.machine.undone():
        chain.load(given)
        until = chain.verify(bundle.quote, given)["until"]
        chain.machine.at(until)
        assert chain.verify(bundle.quote, given)["until"] == until
        chain.machine.at(until + 1)
        with pytest.raises(RevertedError, match="window"):
            chain.verify(bundle.quote, given)


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_claims_are_what_the_quote_says(bundle: Bundle) -> None:
    chain, given, quote = intel(), Collateral.parse(bundle.collateral), Quote.parse(bundle.quote)
    chain.machine.at(bundle.now)
    with chain.machine.undone():
        chain.load(given)
        claims = chain.verify(bundle.quote, given)
    assert claims["version"] == quote.version
    assert claims["tdx"] == quote.is_tdx
    assert claims["measurement"] == quote.measurement
    assert claims["runtime_measurement"] == quote.runtime_measurement
    assert b"".join(claims["report_data"]) == quote.report.report_data
    assert not claims["simulated"]
    assert claims["until"] in (bundle.window[1], bundle.window[1] - 1)
    assert claims["issued"] <= bundle.window[0]


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_a_quote_is_payable_without_the_precompile(bundle: Bundle) -> None:
    """This machine has none: three signatures are computed."""
    assert status(bundle) == bundle.status
    calldata = 16 * (len(Quote.parse(bundle.quote).signed) + 2_500)
    assert intel().dcap.gas + INTRINSIC + calldata <= MOST_GAS


# --- corruption -------------------------------------------------------------------------------


def accepted_flips(bundle: Bundle, count: int, seed: int) -> list[Flip]:
    """Flips that changed nothing; healthy contracts have none."""
    found = []
    for one in flips(bundle, count, seed):
        try:
            intel().status(one.quote, one.given, bundle.now)
        except (RevertedError, TeeError):
            continue
        found.append(one)
    return found


@pytest.mark.parametrize("bundle", GENUINE, ids=lambda bundle: bundle.name)
def test_no_signed_bit_is_free(bundle: Bundle) -> None:
    assert accepted_flips(bundle, FLIPS // len(GENUINE), 7) == []


@pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: bundle.name)
def test_collateral_of_another_platform_does_not_serve(bundle: Bundle) -> None:
    others = [other for other in GENUINE if other.quote[:2] != bundle.quote[:2]]
    for other in others:
        with pytest.raises(RevertedError):
            intel().status(bundle.quote, Collateral.parse(other.collateral), other.now)
