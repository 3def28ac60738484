# SPDX-License-Identifier: Apache-2.0
"""Audits: who is drawn, who is paid, and who can't be made to pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth._utils.address import generate_contract_address
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.conftest import isolated
from tests.contracts.parts import ETHER, deploy
from tests.contracts.world import World
from tests.opml.game.arena import BOND, CLOCK, FOLDER, OPML, Arena, Claim, Game
from tests.opml.game.duel import PROVED, Duel, ask_first, honest
from tests.opml.game.models import GIVEN, LAST, LINEAR, mixed
from tests.opml.game.zoo import Lying, Supposing, changed
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import TRACE, Position, answer

SMALL = mixed()
ALL, PAY, COMMIT, CONFIRM = 2**16, 10**15, 120, 300


@dataclass
class Audited:
    """An arena whose every claim is drawn."""

    arena: Arena
    audits: VyperContract

    def claim(self, output: bytes | None = None) -> Claim:
        honest = SMALL.execute(GIVEN).outputs[-1].data
        claim = self.arena.claim(self.arena.post(GIVEN), honest if output is None else output)
        self.arena.world.roll(2)
        return claim

    def draw(self, claim: Claim) -> LocalAccount:
        """By a keeper; returns the auditor."""
        with boa.env.prank(wallet("keeper").address):
            self.audits.draw(claim.terms.abi, claim.word)
        auditor, stage, _, pay = self.audits.audit(claim.job_id, claim.word)
        assert (stage, pay) == (1, PAY)
        return next(m for m in self.arena.subnet.members if m.address == auditor)

    def commit(self, claim: Claim, auditor: LocalAccount, root: bytes) -> Game:
        commitment = keccak(bytes(12) + to_canonical_address(auditor.address) + root)
        with boa.env.prank(auditor.address):
            self.audits.commit(claim.job_id, claim.word, commitment)
        return Game(claim, self.stand_in)

    @property
    def stand_in(self) -> LocalAccount:
        """The contract in the place of a challenger."""

        class Contract:
            address = str(self.audits.address)

        return Contract()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def built() -> Audited:
    world = World.create()
    steps = [deploy(f"{FOLDER}/{name}.vy") for name in ("StepReduce", "StepElement")]
    judge = deploy(f"{FOLDER}/OpmlJudge.vy", *[step.address for step in steps])
    owner = to_canonical_address(wallet("owner").address)
    nonce = boa.env.evm.vm.state.get_nonce(owner)
    audits = to_checksum_address(generate_contract_address(owner, nonce + 1))
    parts = world.market.address, world.subnets.address, world.models.address
    by = wallet("owner").address
    bounds = [60, 86_400], [60, 7_200], BOND, 0
    verifier = deploy(
        f"{FOLDER}/OpmlVerifier.vy", *parts, judge.address, audits, *bounds, sender=by
    )
    terms = ALL, 0, PAY, COMMIT, CONFIRM
    contract = deploy(f"{FOLDER}/OpmlAudits.vy", *parts[:2], verifier.address, *terms, sender=by)
    assert contract.address == audits
    world.add_method("opml", str(verifier.address), 1, 86_400 + 2 * 7_200)
    model_id = world.publish("audited", artifacts=[(OPML, SMALL.header.artifact_id())])
    world.model_id = model_id
    world.staff(3, selector=OPML)
    subnet = world.form_subnet(3, selector=OPML)
    boa.env.raw_call(contract.address, sender=wallet("keeper").address, value=ETHER)
    return Audited(Arena(world, SMALL, verifier, subnet, model_id), contract)


@pytest.fixture
def audited(built: Audited, request: pytest.FixtureRequest) -> Iterator[Audited]:
    with isolated(request):
        yield Audited(built.arena.copy(), built.audits)
        assert boa.env.get_balance(built.audits.address) >= built.audits.owed()


def test_an_auditor_that_finds_the_same_trace_is_paid(audited: Audited) -> None:
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    auditor = audited.draw(claim)
    assert auditor != claim.claimant
    game = audited.commit(claim, auditor, execution.trace.root)
    with boa.reverts("no trace yet"):
        audited.audits.confirm(claim.job_id, claim.word)
    game.send_answer(answer(execution, game.at))
    audited.audits.confirm(claim.job_id, claim.word)
    assert audited.audits.credit(auditor.address) == PAY
    before = boa.env.get_balance(auditor.address)
    with boa.env.prank(auditor.address):
        audited.audits.withdraw(auditor.address)
    assert boa.env.get_balance(auditor.address) == before + PAY
    assert audited.audits.owed() == 0
    # The audit's game is over: nothing stands in the way of the claim.
    audited.arena.world.warp(audited.arena.world.now + 2 * 86_400)
    claim.finalise()


def test_an_auditor_that_found_another_trace_is_not_paid(audited: Audited) -> None:
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    game = audited.commit(claim, audited.draw(claim), b"\x01" * 32)
    game.send_answer(answer(execution, game.at))
    with boa.reverts("another root"):
        audited.audits.confirm(claim.job_id, claim.word)
    with boa.reverts("auditor has time"):
        audited.audits.lapse(claim.job_id, claim.word)
    audited.arena.world.warp(audited.arena.world.now + CONFIRM + 1)
    audited.audits.lapse(claim.job_id, claim.word)
    assert audited.audits.owed() == 0
    assert audited.arena.verifier.claim_of(claim.job_id)[2] == 0


def test_a_silent_claimant_loses_its_claim_and_the_fund_wins_a_share(audited: Audited) -> None:
    claim = audited.claim()
    game = audited.commit(claim, audited.draw(claim), b"\x01" * 32)
    world, verifier = audited.arena.world, audited.arena.verifier
    with boa.reverts("claimant is on turn"):
        audited.audits.lapse(claim.job_id, claim.word)
    world.warp(world.now + 7_201)
    verifier.claimant_timeout(claim.terms.abi, claim.word, game.challenger.address)
    audited.audits.lapse(claim.job_id, claim.word)
    world.warp(world.now + 3_601)
    fund = boa.env.get_balance(audited.audits.address)
    audited.audits.harvest(claim.job_id, claim.word)
    assert boa.env.get_balance(audited.audits.address) == fund + BOND
    assert audited.audits.owed() == 0


def test_a_claimant_can_not_make_its_trace_public_before_the_auditor_commits(
    audited: Audited,
) -> None:
    """It would never be audited: nobody may commit to what could be copied."""
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    auditor, unasked = audited.draw(claim), Game(claim, audited.stand_in)
    move = answer(execution, Position(TRACE, 7, 0, 0, 0, ZERO))
    with boa.reverts("not asked"):
        unasked.send_answer(move)
    audited.commit(claim, auditor, execution.trace.root).send_answer(move)
    audited.audits.confirm(claim.job_id, claim.word)
    assert audited.audits.credit(auditor.address) == PAY


def test_a_trace_that_is_public_can_not_be_audited(audited: Audited) -> None:
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    auditor = audited.draw(claim)
    other = claim.open()
    other.send_answer(answer(execution, other.at))
    with boa.reverts("trace is public"):
        audited.commit(claim, auditor, execution.trace.root)


def test_a_seal_says_nothing_that_an_auditor_could_copy(audited: Audited) -> None:
    """A friend's game, or anybody's, that names an element keeps no audit away."""
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    auditor, named = audited.draw(claim), claim.open_at(LINEAR, 3)
    named.send_answer(answer(execution, named.at))
    assert execution.trace.root not in b"".join(audited.arena.answers.values())
    assert audited.arena.verifier.trace_roots(claim.id) == ZERO
    game = audited.commit(claim, auditor, execution.trace.root)
    with boa.reverts("no trace yet"):
        audited.audits.confirm(claim.job_id, claim.word)
    with boa.reverts("claimant is on turn"):
        audited.audits.lapse(claim.job_id, claim.word)
    game.send_answer(answer(execution, game.at))
    audited.audits.confirm(claim.job_id, claim.word)
    assert audited.audits.credit(auditor.address) == PAY
    assert audited.arena.verifier.claim_of(claim.job_id)[2] == 1


def test_a_liar_that_is_refuted_by_its_seal_ends_its_audit(audited: Audited) -> None:
    """Without a trace on the chain there is nothing to confirm."""
    truth = SMALL.execute(GIVEN)
    told = changed(changed(truth, LINEAR, 3), LAST)
    claim = audited.claim(told.outputs[-1].data)
    audited.commit(claim, audited.draw(claim), truth.trace.root)
    challenger = Supposing(honest(claim, truth).challenge, told)
    game = claim.open_at(LINEAR, 3)
    assert Duel(game, Lying(told), challenger).play() == PROVED
    audited.audits.lapse(claim.job_id, claim.word)
    assert audited.audits.owed() == 0


def test_who_collects_for_the_fund_does_not_keep_its_share_from_it(audited: Audited) -> None:
    claim = audited.claim()
    game = audited.commit(claim, audited.draw(claim), b"\x01" * 32)
    world, before = audited.arena.world, boa.env.get_balance(audited.audits.address)
    world.warp(world.now + 7_201)
    game.claimant_timeout()
    world.warp(world.now + 3_601)
    game.collect()
    audited.audits.harvest(claim.job_id, claim.word)
    assert boa.env.get_balance(audited.audits.address) == before + BOND
    with boa.reverts("no credit"):
        audited.audits.harvest(claim.job_id, claim.word)


def test_a_claim_that_ends_takes_no_time_from_the_auditor(audited: Audited) -> None:
    """A claimant that lets its claim fall would else have the work for nothing."""
    claim, execution = audited.claim(), SMALL.execute(GIVEN)
    world, auditor = audited.arena.world, audited.draw(claim)
    other = claim.open()
    game = audited.commit(claim, auditor, execution.trace.root)
    world.warp(world.now + CLOCK - 10)
    game.send_answer(answer(execution, game.at))
    ask_first(other, execution)
    world.warp(world.now + 11)
    other.claimant_timeout()
    with boa.reverts("auditor has time"):
        audited.audits.lapse(claim.job_id, claim.word)
    audited.audits.confirm(claim.job_id, claim.word)
    assert audited.audits.credit(auditor.address) == PAY
    assert audited.audits.owed() == PAY


def test_only_the_auditor_commits_and_only_in_time(audited: Audited) -> None:
    claim = audited.claim()
    auditor = audited.draw(claim)
    with boa.reverts("already drawn"):
        audited.draw(claim)
    with boa.reverts("not the auditor"):
        audited.commit(claim, claim.claimant, b"\x01" * 32)
    with boa.reverts("auditor has time"):
        audited.audits.lapse(claim.job_id, claim.word)
    audited.arena.world.warp(audited.arena.world.now + COMMIT + 1)
    with boa.reverts("too late"):
        audited.commit(claim, auditor, b"\x01" * 32)
    audited.audits.lapse(claim.job_id, claim.word)
    with boa.reverts("no audit"):
        audited.audits.lapse(claim.job_id, claim.word)


def test_a_lot_is_known_from_the_second_block_to_the_256th(audited: Audited) -> None:
    arena = audited.arena
    honest = SMALL.execute(GIVEN).outputs[-1].data
    claim = arena.claim(arena.post(GIVEN), honest)
    for blocks, known in ((0, False), (1, True), (254, True), (1, False)):
        arena.world.roll(blocks)
        if known:
            assert audited.audits.is_drawn(claim.job_id, claim.word)
        else:
            with boa.reverts("too early or too late"):
                audited.audits.is_drawn(claim.job_id, claim.word)


def test_an_empty_fund_draws_nobody(audited: Audited) -> None:
    claims = [audited.claim() for _ in range(2)]
    boa.env.set_balance(audited.audits.address, 2 * PAY - 1)
    audited.draw(claims[0])
    with boa.reverts("fund is empty"):
        audited.draw(claims[1])


def test_an_audit_of_a_job_that_the_market_gave_up_ends(audited: Audited) -> None:
    claim = audited.claim()
    audited.commit(claim, audited.draw(claim), b"\x01" * 32)
    world = audited.arena.world
    world.warp(claim.terms.resolve_by + 7 * 86_400 + 1)
    world.refund(claim.terms)
    audited.audits.lapse(claim.job_id, claim.word)
    assert audited.audits.owed() == 0


def test_nobody_withdraws_what_is_not_theirs(audited: Audited) -> None:
    with boa.reverts("no credit"):
        audited.audits.withdraw(wallet("keeper").address)
