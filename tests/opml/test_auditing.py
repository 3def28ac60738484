# SPDX-License-Identifier: Apache-2.0
"""What members do about audits: they are paid for right claims, and play against wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.deployment import created_address, creation
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.wallet import Wallet
from tests.opml.audited import (
    COMMIT,
    CONFIRM,
    HOUR,
    LAST,
    PAY,
    RIGHT,
    Audited,
)
from tests.opml.lies import lied
from tests.opml.onchain import CLOCK, PARAMS, OpmlMarket
from tests.reasons import check_documented
from verifiers.opml import audit
from verifiers.opml.audit_errors import Reason
from verifiers.opml.method import OpmlMethod

PAGE = Path(__file__).parents[2] / "docs/reason-codes.md"
WRONG = lied(RIGHT, LAST)


@pytest.fixture
def opml(audited: OpmlMarket) -> OpmlMarket:
    return audited


def test_the_member_on_whom_the_lot_falls_draws_commits_confirms_and_is_paid(
    opml: OpmlMarket,
) -> None:
    claim = Audited.claim(opml)
    before = claim.audits.fund()
    assert claim.act() == ["draw"]
    assert claim.act() == ["commit"]
    assert claim.act() == []
    assert claim.respond()
    assert claim.act() == ["confirm"]
    assert claim.audits.credit(claim.auditor.address) == PAY == before - claim.audits.fund()
    assert claim.act() == []
    look = opml.board.look(claim.job_id)
    assert look is not None
    assert look.games == ()


def test_nobody_else_is_named_than_whom_the_contract_draws(opml: OpmlMarket) -> None:
    """Of some claims one, of others the other member."""
    drawn = set()
    while len(drawn) < 2:
        claim = Audited.claim(opml)
        willing = [a for a in claim.others if claim.due(a).steps]
        opml.send(opml.market.requester, claim.audits.draw(claim.terms, claim.word))
        assert willing == [claim.auditor.address]
        drawn.add(claim.auditor.address)


def test_an_audit_that_somebody_else_drew_is_done_too(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml)
    opml.send(opml.market.requester, claim.audits.draw(claim.terms, claim.word))
    assert claim.act() == ["commit"]


@pytest.mark.parametrize("stage", range(4))
def test_a_restart_at_any_stage_forgets_nothing(opml: OpmlMarket, stage: int) -> None:
    claim, done = Audited.claim(opml), list[str]()
    moves = [claim.act, claim.act, lambda: claim.respond() and [], claim.act]
    for number, move in enumerate(moves):
        if number == stage:
            claim.restart()
        done += move() or []
    assert done == ["draw", "commit", "confirm"]


def test_pay_is_confirmed_though_the_claim_was_settled_meanwhile(opml: OpmlMarket) -> None:
    """Somebody ends the audit's game for the claimant, and the job is paid."""
    claim = Audited.claim(opml)
    claim.act(), claim.act(), claim.respond()
    claim.pass_seconds(2 * CLOCK)
    end = ("challenger_timeout", claim.job_id, claim.word, claim.audits.address)
    opml.send(claim.claimant, opml.verifier.call(*end))
    opml.send(claim.claimant, opml.verifier.finalise(claim.terms))
    claim.restart()
    assert claim.minds[claim.auditor.address].unfinished() == {claim.job_id}
    assert claim.act() == ["confirm"]
    assert claim.act() == []
    assert not any(mind.unfinished() for mind in claim.minds.values())


def test_a_wrong_claim_gets_a_game_of_the_auditors_own_and_no_draw(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml, WRONG)
    [what] = claim.act()
    assert what == "open"
    [me] = [a for a in claim.others if opml.verifier.game(claim.job_id, claim.word, a)]
    claim.restart()
    moves = claim.play_on()
    assert moves[-1] == "prove"
    assert claim.audit is None
    assert claim.act() == []
    claim.pass_seconds(HOUR)
    claim.restart()
    assert claim.act() == ["collect"]
    assert int(opml.verifier.read("credit", me)) > 0
    assert claim.act() == []
    assert not any(mind.unfinished() for mind in claim.minds.values())


def test_a_right_answer_with_a_wrong_trace_loses_too(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml, lied(RIGHT, 0))
    assert [claim.act(), claim.act()] == [["draw"], ["commit"]]
    assert claim.respond()
    assert claim.act() == ["open"]
    assert claim.play_on()[-1] == "prove"
    claim.pass_seconds(CONFIRM + 1)
    assert "lapse" in claim.act()
    assert claim.audits.credit(claim.auditor.address) == 0


def test_a_silent_claimant_loses_its_claim_and_the_fund_wins(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml)
    assert [claim.act(), claim.act()] == [["draw"], ["commit"]]
    claim.pass_seconds(CLOCK + 1)
    assert claim.act() == ["claimant_timeout"]
    assert not claim.stands
    claim.restart()
    assert claim.act() == ["lapse"]
    fund = claim.audits.fund()
    claim.restart()
    claim.pass_seconds(HOUR)
    assert claim.act() == ["harvest"]
    assert claim.audits.fund() > fund
    assert claim.act() == []


def test_the_fund_gets_its_share_though_somebody_collected_for_it(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml)
    assert [claim.act(), claim.act()] == [["draw"], ["commit"]]
    claim.pass_seconds(CLOCK + 1)
    assert [claim.act(), claim.act()] == [["claimant_timeout"], ["lapse"]]
    claim.pass_seconds(HOUR)
    collect = opml.verifier.call("collect", claim.job_id, claim.word, claim.audits.address)
    opml.send(claim.claimant, collect)
    claim.restart()
    fund = claim.audits.fund()
    assert claim.act() == ["harvest"]
    assert claim.audits.fund() > fund
    assert claim.act() == []
    assert not any(mind.unfinished() for mind in claim.minds.values())


def test_an_auditor_that_came_too_late_ends_its_audit(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml)
    assert claim.act() == ["draw"]
    claim.pass_seconds(COMMIT + 1)
    claim.restart()
    assert claim.act() == ["lapse"]
    assert claim.audits.read("owed") == 0


def test_an_auditor_whose_commitment_was_another_ends_its_audit(opml: OpmlMarket) -> None:
    """As of a machine that computed otherwise when it committed."""
    claim = Audited.claim(opml)
    assert claim.act() == ["draw"]
    other = claim.audits.commit(claim.job_id, claim.word, claim.auditor.address, b"\1" * 32)
    opml.send(claim.auditor, other)
    assert claim.respond()
    assert claim.act() == []
    claim.pass_seconds(CONFIRM + 1)
    assert claim.act() == ["lapse"]


def test_a_trace_that_is_public_is_judged_but_not_audited(opml: OpmlMarket) -> None:
    """A member that is drawn still looks: a wrong trace gets its game."""
    for theirs, expected in ((RIGHT, []), (lied(RIGHT, 0), ["open"])):
        claim = Audited.claim(opml, theirs)
        bond = opml.verifier.bond_to_open()
        opml.send(opml.market.publisher, opml.verifier.open(claim.job_id, claim.word, 2 * bond))
        assert claim.respond()
        assert claim.act() == expected
        assert expected or claim.left() == {Reason.TRACE_PUBLIC.code}


def test_a_sick_machine_costs_no_bond(opml: OpmlMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpmlMethod, "_execution", lambda self, job: WRONG)
    claim = Audited.claim(opml)
    assert claim.act() == []
    assert claim.left() == {Reason.MACHINE_DIFFERS.code}


def test_a_budget_of_zero_only_reports(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml, WRONG, budget=0)
    assert claim.act() == []
    assert claim.left() == {Reason.BUDGET_SPENT.code}


def test_bonds_of_all_games_together_stay_within_the_budget(opml: OpmlMarket) -> None:
    """One member's, whoever is drawn: claims are made until it is."""
    opened = Audited.claim(opml, WRONG)
    opened.act()
    [me] = [a for a in opened.others if opml.verifier.game(opened.job_id, opened.word, a)]
    game = opml.verifier.game(opened.job_id, opened.word, me)
    assert game is not None
    for budget, expected in ((game.bond, {Reason.BUDGET_SPENT.code}), (3 * game.bond, set())):
        mind = OpmlMethod().auditor(opml.market.network, me, budget)
        assert mind is not None
        mind.recover()
        mind.due(opened.assignment(me))
        found = mind.due(Audited.drawn_for(opml, me, WRONG).assignment(me)).left
        assert ({found.code} if found else set()) == expected


def test_no_game_is_opened_when_the_window_is_nearly_over(opml: OpmlMarket) -> None:
    claim = Audited.claim(opml, WRONG)
    look = opml.board.look(claim.job_id)
    assert look is not None
    claim.pass_seconds(look.claim.final_at - opml.market.now() - 5)
    assert claim.act() == []
    assert claim.left() == {Reason.WINDOW_NEAR.code}


def test_an_empty_fund_and_dear_gas_are_reasons_to_wait(
    opml: OpmlMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Audited.claim(opml)
    opml.market.chain.rpc("anvil_setBalance", claim.audits.address, hex(PAY - 1))
    assert claim.left() == {Reason.FUND_EMPTY.code}
    monkeypatch.setattr(audit, "_DRAW_GAS", PAY)
    assert claim.left() == {Reason.UNPAID.code}


def test_a_verifier_that_knows_no_such_contract_has_no_audits(opml: OpmlMarket) -> None:
    network, p, nowhere = opml.market.network, PARAMS, "0x" + "11" * 20
    parts = network.marketplace.address, network.subnets.address, network.models.address
    judge = opml.verifier.read("JUDGE")
    bounds = p.windows, p.clocks, p.min_bond, p.bond_gas
    wallet = Wallet(opml.market.w3, opml.market.publisher)
    args = OpmlVerifier.NAME, *parts, judge, nowhere, *bounds
    address = created_address(wallet.account.address, wallet.nonce())
    wallet.create(creation(opml.market.w3, *args), address)
    assert OpmlAudits.of(OpmlVerifier(opml.market.w3, address)) is None


def test_reason_codes_are_documented_as_they_are() -> None:
    check_documented(Reason, "MN-OPML", "Auditor")
