# SPDX-License-Identifier: Apache-2.0
"""The contracts' verdicts, on a chain of the moment in question: those of Python."""

from __future__ import annotations

import json

import pytest

from offchain_workers.chain.wallet import Wallet
from offchain_workers.devnet import dev_accounts
from offchain_workers.devnet.still import still_chain
from tests.teeml.bundles import load
from tests.teeml.judging import AUTHORITY, MACHINE, NOW, QUOTE, TD, Given
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.judge import judge
from verifiers.teeml.policy import Policy
from verifiers.teeml.roots import INTEL, Root
from verifiers.teeml.simulated import Level, Platform, tcb_info
from verifiers.teeml.verify import REFUSED, Verdict, verify


def by_contracts(
    quote: bytes, given: str, at: int, policy: Policy | None = None, root: Root = INTEL
) -> Verdict:
    w3 = still_chain(at)
    wallet = Wallet(w3, dev_accounts()[0])
    return judge(w3, wallet, quote, Collateral.parse(given), policy, root)


def simulated(given: Given, quote: bytes = QUOTE, at: int = NOW) -> Verdict:
    return by_contracts(quote, json.dumps(given), at, root=AUTHORITY.trust)


@pytest.mark.parametrize(
    "name", ["v3-sgx-00A067110000-2025-06", "v4-tdx-tappd-2025-06", "v5-tdx-go-2026-02"]
)
def test_contracts_judge_real_quotes_as_python_does(name: str) -> None:
    bundle = load(name)
    found = by_contracts(bundle.quote, bundle.collateral, bundle.now)
    here = verify(bundle.quote, Collateral.parse(bundle.collateral), bundle.now)
    assert (found.accepted, found.status, found.advisories) == (
        here.accepted,
        here.status,
        here.advisories,
    )


@pytest.mark.parametrize("beside", [-1, 1])
def test_a_second_outside_the_window_the_contracts_refuse(beside: int) -> None:
    bundle = load("v5-tdx-go-2026-02")
    at = bundle.window[0] - 1 if beside < 0 else bundle.window[1] + 1
    found = by_contracts(bundle.quote, bundle.collateral, at)
    assert (found.accepted, found.status) == (False, REFUSED)
    assert found.reason.startswith("MN-TEE-050")


def test_a_simulated_platform_is_judged_under_its_own_root() -> None:
    assert simulated(MACHINE.collateral()) == Verdict(True, "UpToDate", (), "")
    revoked = simulated(MACHINE.collateral(revoked=[MACHINE.pck.serial_number]))
    assert (revoked.status, revoked.reason[:10]) == (REFUSED, "MN-TEE-050")
    found = by_contracts(QUOTE, json.dumps(MACHINE.collateral()), NOW)
    assert (found.status, found.reason[:10]) == (REFUSED, "MN-TEE-050")


def test_a_policy_refuses_what_the_contracts_only_grade() -> None:
    levels = [Level(status="Revoked"), Level((1,) * 16, 1, (0,) * 16, "OutOfDate", ("SA-2",))]
    text = tcb_info(MACHINE.issued, MACHINE.fmspc, levels=levels)
    found = simulated(MACHINE.collateral(tcb=text))
    assert (found.accepted, found.status) == (False, "Revoked"), found.reason
    levels = [Level(status="OutOfDate", advisories=("SA-1",))]
    text = tcb_info(MACHINE.issued, MACHINE.fmspc, levels=levels)
    found = simulated(MACHINE.collateral(tcb=text))
    assert (found.accepted, found.status, found.advisories) == (False, "OutOfDate", ("SA-1",))


def test_what_is_no_quote_never_reaches_the_contracts() -> None:
    found = simulated(MACHINE.collateral(), b"")
    assert (found.status, found.reason[:10]) == (REFUSED, "MN-TEE-001")
    other = Platform(label="other").quote(4, TD, pck=MACHINE.pck)
    assert simulated(MACHINE.collateral(), other).reason.startswith("MN-TEE-050")


def test_no_time_passes_on_a_still_chain() -> None:
    w3 = still_chain(NOW)
    for _ in range(3):
        w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    times = {w3.eth.get_block(number)["timestamp"] for number in range(4)}
    assert times == {NOW}
