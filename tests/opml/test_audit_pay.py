# SPDX-License-Identifier: Apache-2.0
"""What an audit costs and pays its auditor, and how people see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from offchain_workers.chain.contracts.opml import OpmlParams
from offchain_workers.cli import main
from offchain_workers.cli.deployment_file import describe, write
from tests.operator.world import PARAMS as CHAIN_PARAMS
from tests.opml.audited import COMMIT, PAY, RIGHT, Audited
from tests.opml.onchain import OpmlMarket
from verifiers.opml import audit
from verifiers.opml.drawn import DrawnAudit, drawn_audits
from verifiers.opml.method import OpmlMethod

PASSWORD = "password"


@pytest.fixture
def opml(audited: OpmlMarket) -> OpmlMarket:
    return audited


def name_of(address: str) -> str:
    """Of a keystore."""
    return f"member-{address[2:].lower()}"


@pytest.fixture
def fusion(
    opml: OpmlMarket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Any]:
    """Run the command line as one of the members, by address: its JSON, or its text."""
    market, path = opml.market, tmp_path / "deployment.json"
    owner = market.chain.accounts[0].address
    write(path, describe(market.network, market.chain.chain_id, CHAIN_PARAMS, owner))
    for account in market.operators:
        keystore = Account.encrypt(account.key, PASSWORD, kdf="pbkdf2", iterations=2)
        (tmp_path / f"{name_of(account.address)}.json").write_text(json.dumps(keystore))
    monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", market.chain.url)
    monkeypatch.setenv("FUSION_CHAIN__DEPLOYMENT", str(path))
    monkeypatch.setenv("FUSION_ACCOUNT__FOLDER", str(tmp_path))
    monkeypatch.setenv("FUSION_STORAGE__FOLDER", str(tmp_path / "blobs"))
    monkeypatch.setenv("FUSION_PASSWORD", PASSWORD)

    def run(who: str, *args: str, as_json: bool = True) -> Any:
        with pytest.raises(SystemExit) as done:
            main([*args, "--account", name_of(who), *(["--json"] if as_json else [])])
        out, err = capfd.readouterr()
        assert not done.value.code, (out, err)
        return json.loads(out) if as_json else out

    return run


@pytest.mark.parametrize("stage", range(3))
def test_no_step_is_made_whose_tip_the_pay_does_not_cover(
    opml: OpmlMarket, monkeypatch: pytest.MonkeyPatch, stage: int
) -> None:
    """Each time it is what is still to be paid that counts: the rest is spent already."""
    claim = Audited.claim(opml)
    for _ in range(stage):
        claim.act()
    claim.respond()
    base_fee = int(opml.market.w3.eth.get_block("latest").get("baseFeePerGas", 0))
    tip = int(opml.market.w3.eth.max_priority_fee)
    for price, steps in ((2 * base_fee, []), (2 * base_fee + tip, ["draw", "commit", "confirm"])):
        gas = PAY // (price + 1)
        for name, share in (("_DRAW_GAS", 0), ("_COMMIT_GAS", 0), ("_CONFIRM_GAS", gas)):
            monkeypatch.setattr(audit, name, share)
        assert claim.due_steps() == steps[stage : stage + 1]


def test_the_pay_on_a_development_chain_covers_three_transactions_at_any_base_fee() -> None:
    """With a tip of a gwei, and when the base fee doubles on the way."""
    p, gwei = OpmlParams.development(), 10**9
    gas = audit._DRAW_GAS + audit._COMMIT_GAS + audit._CONFIRM_GAS
    for base_fee in (0, 1, gwei // 2, gwei, 2 * gwei, 3 * gwei, 10 * gwei, 300 * gwei):
        assert max(p.audit_pay, p.audit_gas * base_fee) > gas * (2 * base_fee + gwei)
    assert p.audit_fund > 50 * p.audit_pay


def test_an_audit_costs_no_more_gas_than_its_auditor_reckons_with(opml: OpmlMarket) -> None:
    claim, used, spent = Audited.claim(opml), dict[str, int](), 0
    for _ in range(3):
        claim.respond()
        for address, account in claim.others.items():
            for step in claim.due(address).steps:
                receipt = opml.send(account, step.call)
                used[step.what] = int(receipt["gasUsed"])
                spent += used[step.what] * int(receipt["effectiveGasPrice"])
    assert spent < OpmlParams.development().audit_pay
    most = {"draw": audit._DRAW_GAS, "commit": audit._COMMIT_GAS, "confirm": audit._CONFIRM_GAS}
    assert used.keys() == most.keys()
    assert all(most[what] * 2 // 3 <= gas < most[what] for what, gas in used.items()), used


def test_the_pay_of_audits_is_among_the_earnings(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml)
    claim.act(), claim.act(), claim.respond(), claim.act()
    me = claim.auditor.address
    earned = OpmlMethod().earnings(opml.market.network, me, me)
    assert {one.at: one.wei for one in earned} == {"opml": 0, "opml-audits": PAY}
    before = opml.market.w3.eth.get_balance(me)
    opml.send(claim.auditor, earned[-1].call)
    assert opml.market.w3.eth.get_balance(me) > before + PAY // 2


def test_an_operator_sees_the_audits_it_was_drawn_for(opml: OpmlMarket) -> None:
    first = Audited.claim(opml)
    first.act()
    me, network = first.auditor.address, opml.market.network
    assert first.audit is not None
    due = first.audit.since + first.audits.commit_seconds
    row = DrawnAudit(first.job_id, first.word, "drawn", PAY, due)
    assert drawn_audits(network, me, 9) == [row]
    first.act()
    committed = row._replace(state="committed", until=None)
    assert drawn_audits(network, me, 9) == [committed]
    assert first.respond()
    due = opml.market.now() + first.audits.confirm_seconds
    assert drawn_audits(network, me, 9) == [committed._replace(until=due)]
    first.act()
    paid = row._replace(state="paid", until=None)
    assert drawn_audits(network, me, 9) == [paid]
    late = Audited.drawn_for(opml, me, RIGHT)
    assert late.act() == ["draw"]
    late.pass_seconds(COMMIT + 1)
    assert late.act() == ["lapse"]
    lapsed = DrawnAudit(late.job_id, late.word, "lapsed", PAY, None)
    assert drawn_audits(network, me, 9) == [lapsed, paid]
    assert drawn_audits(network, me, 1) == [lapsed]
    assert drawn_audits(network, first.claimant.address, 9) == []


def test_an_operator_sees_its_audits_and_withdraws_their_pay(
    opml: OpmlMarket, fusion: Callable[..., Any]
) -> None:
    claim = Audited.claim(opml)
    claim.act()
    me, job = claim.auditor.address, "0x" + claim.job_id.hex()
    [row] = fusion(me, "operator", "status")["audits"]
    assert (row["job"], row["state"], row["pay"]) == (job, "drawn", str(PAY))
    assert (row["claim"], row["until"][-3:]) == (hex(claim.word), "UTC")
    claim.act(), claim.respond(), claim.act()
    status = fusion(me, "operator", "status")
    [row] = status["audits"]
    assert (row["state"], row["until"]) == ("paid", None)
    assert status["methods_owe"] == {"opml": "0", "opml-audits": str(PAY)}
    text = fusion(me, "operator", "status", as_json=False)
    assert "Owed by opml-audits" in text
    assert job in text
    to = "0x" + "12" * 20
    taken = fusion(me, "operator", "withdraw", "--to", to)
    assert taken["methods"] == {"opml-audits": str(PAY)}
    assert [sent["what"] for sent in taken["transactions"]] == ["withdraw from opml-audits"]
    assert opml.market.w3.eth.get_balance(opml.market.w3.to_checksum_address(to)) == PAY
    assert claim.audits.credit(me) == 0


def test_withdrawing_shows_people_whose_coins_they_were(
    opml: OpmlMarket, fusion: Callable[..., Any]
) -> None:
    """What a challenger who gave up left in the verifier comes along."""
    claim = Audited.claim(opml)
    bond = 2 * opml.verifier.bond_to_open()
    stranger = opml.market.publisher
    opml.send(stranger, opml.verifier.open(claim.job_id, claim.word, bond))
    give_up = ("challenger_timeout", claim.job_id, claim.word, stranger.address)
    opml.send(stranger, opml.verifier.call(*give_up))
    me = claim.claimant.address
    assert opml.verifier.read("credit", me) == bond // 2
    text = fusion(me, "operator", "withdraw", as_json=False)
    assert "withdraw from opml: tx 0x" in text
    assert "From opml " in text
    assert opml.verifier.read("credit", me) == 0
