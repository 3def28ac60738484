# SPDX-License-Identifier: Apache-2.0
"""Bonds, rewards, credit, and what burns."""

from __future__ import annotations

import boa
import pytest
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import deploy
from tests.opml.game.arena import BOND, CLOCK, FOLDER, Arena, Claim, Game
from tests.opml.game.duel import ask_first, claimed_by, truth_of
from tests.opml.game.models import ADDED
from tests.opml.game.zoo import Answering, Lying, changed, false_proof
from verifiers.opml.moves import Move, answer

DEAD = "0x000000000000000000000000000000000000dEaD"
HOUR = 3_600
GWEI = 10**9


@pytest.fixture
def liar(arena: Arena) -> Lying:
    return Lying(changed(truth_of(arena), ADDED))


@pytest.fixture
def lie(arena: Arena, liar: Lying) -> Claim:
    """A false claim whose trace is known."""
    claim = claimed_by(arena, liar)
    game = claim.open("first")
    game.send_answer(answer(liar.execution, game.at))
    return claim


@pytest.fixture
def proof(liar: Lying) -> Move:
    """From the game's begin."""
    return false_proof(liar.execution, ADDED, 0)


def first(claim: Claim) -> Game:
    return next(game for game in claim.arena.games if game.claim is claim)


def wait(arena: Arena, seconds: int) -> None:
    arena.world.warp(arena.world.now + seconds)


def test_a_bond_is_what_the_base_fee_asks_for_and_whole_gwei(arena: Arena) -> None:
    """Whole gwei, upwards."""
    base_fee, gas = boa.env.evm.vm.state.base_fee, 7 * 10**15 + 1
    dear = deploy(f"{FOLDER}/OpmlVerifier.vy", *addresses(arena), [60, 60], [60, 60], 1, gas)
    wei = max(1, gas * base_fee)
    assert dear.bond_to_open() == -(-wei // GWEI) * GWEI
    assert arena.verifier.bond_to_open() == BOND


def addresses(arena: Arena) -> list[str]:
    v = arena.verifier
    return [str(a) for a in (v.MARKET(), v.SUBNETS(), v.MODELS(), v.JUDGE(), v.AUDITS())]


@pytest.mark.parametrize(
    ("windows", "clocks", "bond", "reason"),
    [
        ([0, 60], [60, 60], 1, "windows"),
        ([61, 60], [60, 60], 1, "windows"),
        ([60, 60], [0, 60], 1, "clocks"),
        ([60, 60], [61, 60], 1, "clocks"),
        ([60, 60], [60, 2**15], 1, "clocks"),
        ([60, 60], [60, 60], 0, "bond"),
    ],
)
def test_a_deployment_with_senseless_bounds_fails(
    arena: Arena, windows: list[int], clocks: list[int], bond: int, reason: str
) -> None:
    with boa.reverts(reason):
        deploy(f"{FOLDER}/OpmlVerifier.vy", *addresses(arena), windows, clocks, bond, 0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0, "bond too low"),
        (BOND - GWEI, "bond too low"),
        (BOND + 1, "bond"),
        (2**40 * GWEI, "bond"),
    ],
)
def test_a_game_needs_a_bond_of_whole_gwei(lie: Claim, value: int, reason: str) -> None:
    lie.arena.world.fund("second", 10_000)
    boa.env.set_balance(wallet("second").address, 2**80)
    with boa.reverts(reason), boa.env.prank(wallet("second").address):
        lie.verifier.open(lie.job_id, lie.word, value=value)


def test_a_bond_may_be_higher_than_it_must(lie: Claim) -> None:
    assert lie.open("second", 3 * BOND).state.bond == 3 * BOND


def test_one_challenger_has_one_game_at_a_time(lie: Claim) -> None:
    with boa.reverts("already open"):
        lie.open("first")


def test_a_claim_bears_65535_games(lie: Claim) -> None:
    """The count is the last part of a word: one more would change the claim."""
    counted = lie.word << 16
    poke(lie.arena, "_claims", lie.job_id, counted + 65_534)
    lie.open("second")
    with boa.reverts("too many games"):
        lie.open("third")
    poke(lie.arena, "_claims", lie.job_id, counted + 2)


def poke(arena: Arena, name: str, key: bytes, value: int) -> None:
    """Write into a mapping of the contract: what would take too many calls to get to."""
    slot = getattr(arena.verifier._storage, name).slot.to_bytes(32, "big")
    place = int.from_bytes(keccak(slot + key.rjust(32, b"\0")), "big")
    boa.env.set_storage(arena.verifier.address, place, value)


def test_the_first_proof_takes_half_of_the_claimants_bond_and_half_burns(
    lie: Claim, proof: Move
) -> None:
    arena, game = lie.arena, first(lie)
    game.send(proof)
    assert arena.verifier.fallen(lie.id) == (BOND, 1, arena.world.now)
    assert arena.world.subnets.to_burn() == BOND
    wait(arena, HOUR)
    with boa.reverts("others may join"):
        game.collect()
    wait(arena, 1)
    game.collect()
    assert arena.credit(game.challenger) == 2 * BOND
    with boa.reverts("not a winner"):
        game.collect()


def test_proofs_within_the_hour_share(lie: Claim, proof: Move) -> None:
    arena = lie.arena
    games = [first(lie), lie.open("second"), lie.open("third"), lie.open("fourth")]
    games[0].send(proof)
    wait(arena, HOUR)
    games[1].send(proof)
    games[2].send(proof)
    wait(arena, 1)
    with boa.reverts("too late to join"):
        games[3].send(proof)
    for game in games[:3]:
        game.collect()
        assert arena.credit(game.challenger) == BOND + BOND // 3
    games[3].close()
    assert arena.credit(games[3].challenger) == BOND


def test_a_timeout_within_the_hour_shares_too(lie: Claim, liar: Lying, proof: Move) -> None:
    arena, game = lie.arena, first(lie)
    waiting = lie.open("second")
    ask_first(waiting, liar.execution)
    game.send(proof)
    wait(arena, CLOCK + 1)
    waiting.claimant_timeout()
    assert arena.verifier.fallen(lie.id)[1] == 2


def test_after_a_fall_only_the_challenger_closes_its_game_within_the_hour(
    lie: Claim, proof: Move
) -> None:
    """Anyone else would take its share from it."""
    arena, other = lie.arena, lie.open("second")
    first(lie).send(proof)
    with boa.reverts("may still prove"):
        other.close()
    wait(arena, HOUR + 1)
    other.close()
    assert arena.credit(other.challenger) == BOND
    with boa.reverts("no such game"):
        other.close()


def test_nothing_goes_on_after_a_fall(lie: Claim, liar: Lying, proof: Move) -> None:
    other = lie.open("second")
    first(lie).send(proof)
    with boa.reverts("no such claim"):
        lie.open("third")
    with boa.reverts("no such claim"):
        ask_first(other, liar.execution)
    with boa.reverts("no such claim"):
        other.challenger_timeout()
    with boa.reverts("no such claim"):
        lie.publish(Move("answer_chunk", args=(bytes(256),)))
    with boa.reverts("no such game"):
        first(lie).send(proof)


def test_a_challenger_that_gives_up_pays_the_claimant_half(arena: Arena) -> None:
    claim = claimed_by(arena, Answering(truth_of(arena)))
    game = claim.open(bond=BOND + GWEI)
    game.send_answer(answer(truth_of(arena), game.at))
    wait(arena, CLOCK + 1)
    game.challenger_timeout()
    assert arena.credit(claim.claimant) == (BOND + GWEI) // 2
    assert arena.verifier.to_burn() == (BOND + GWEI) // 2
    assert claim.open(bond=BOND).is_answered


def test_credit_is_withdrawn_to_where_its_owner_says(lie: Claim, proof: Move) -> None:
    arena, game = lie.arena, first(lie)
    game.send(proof)
    wait(arena, HOUR + 1)
    game.collect()
    to = boa.env.generate_address()
    with boa.env.prank(game.challenger.address):
        arena.verifier.withdraw(to)
        assert boa.env.get_balance(to) == 2 * BOND
        with boa.reverts("no credit"):
            arena.verifier.withdraw(to)
    # The reward had waited in the registry.
    assert arena.world.subnets.credit(arena.verifier.address) == 0


def test_who_is_paid_can_not_take_it_twice(arena: Arena) -> None:
    puppet = deploy("tests/contracts/mocks/Puppet.vy")
    again = arena.verifier.withdraw.prepare_calldata(puppet.address)
    puppet.add_call(arena.verifier.address, again)
    poke(arena, "credit", to_canonical_address(puppet.address), GWEI)
    boa.env.set_balance(arena.verifier.address, 5 * GWEI)
    puppet.make_call(arena.verifier.address, again)
    assert boa.env.get_balance(puppet.address) == GWEI
    assert not puppet.worked(0)
    boa.env.set_balance(arena.verifier.address, 0)


def test_what_burns_is_burnt_even_while_its_coins_wait_in_the_registry(arena: Arena) -> None:
    liar = Lying(changed(truth_of(arena), ADDED))
    claim = claimed_by(arena, liar)
    loser, winner = claim.open("first"), claim.open("second")
    loser.send_answer(answer(liar.execution, loser.at))
    wait(arena, CLOCK + 1)
    loser.challenger_timeout()
    winner.send(false_proof(liar.execution, ADDED, 0))
    wait(arena, HOUR + 1)
    winner.collect()
    with boa.env.prank(winner.challenger.address):
        # Out of the bonds that are there: nothing needs to be fetched.
        arena.verifier.withdraw(DEAD)
    before = boa.env.get_balance(DEAD)
    arena.verifier.burn()
    assert boa.env.get_balance(DEAD) == before + BOND // 2
    with boa.env.prank(claim.claimant.address):
        arena.verifier.withdraw(DEAD)
    assert boa.env.get_balance(arena.verifier.address) == 0


def test_only_the_registry_sends_coins(arena: Arena) -> None:
    with boa.reverts("only the registry pays"), boa.env.prank(wallet("keeper").address):
        boa.env.execute_code(arena.verifier.address, value=1, sender=wallet("keeper").address)
        arena.verifier.__default__(value=1)
