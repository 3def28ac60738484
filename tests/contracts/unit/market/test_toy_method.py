# SPDX-License-Identifier: Apache-2.0
"""The plug-in claim: one contract and one table line make a method, through every path."""

from __future__ import annotations

import boa
import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, REFUNDED, deploy
from tests.contracts.terms import Terms
from tests.contracts.unit.market.conftest import BOND, DELAY, Plugs

QUESTION = b"input"
ANSWER = keccak(b"toy" + QUESTION)
WRONG = keccak(b"something else")


@pytest.fixture
def terms(plugs: Plugs) -> Terms:
    """A posted toy job."""
    plugs.world.post(plugs.toy_terms)
    return plugs.toy_terms


@pytest.fixture
def members(plugs: Plugs) -> list[LocalAccount]:
    return plugs.world.subnet(plugs.toy_terms.subnet_id).members


def claim(plugs: Plugs, terms: Terms, operator: LocalAccount, answer: bytes) -> None:
    with boa.env.prank(operator.address):
        plugs.toy.claim(terms.abi, answer)


def reserved(plugs: Plugs, operator: LocalAccount) -> int:
    return int(plugs.world.subnets.operators(operator.address).reserved)


def test_a_proof_is_paid_at_once(plugs: Plugs, terms: Terms, members: list[LocalAccount]) -> None:
    with boa.env.prank(members[0].address):
        with boa.reverts("wrong answer"):
            plugs.toy.deliver_paid(terms.abi, WRONG, QUESTION)
        with boa.reverts("not the input"):
            plugs.toy.deliver_paid(terms.abi, keccak(b"toyother"), b"other")
        plugs.toy.deliver_paid(terms.abi, ANSWER, QUESTION)
    assert plugs.world.job(terms).status == PAID


def test_a_right_claim_locks_a_bond_and_is_paid_after_the_delay(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    claim(plugs, terms, members[0], ANSWER)
    assert plugs.world.job(terms).status == PENDING
    assert reserved(plugs, members[0]) == BOND
    with boa.reverts("claim is right"):
        plugs.toy.refute(terms.abi, QUESTION)
    plugs.world.warp(plugs.world.now + DELAY - 1)
    with boa.reverts("still refutable"):
        plugs.toy.finalise(terms.abi)
    plugs.world.warp(plugs.world.now + 1)
    plugs.toy.finalise(terms.abi)
    assert plugs.world.job(terms).status == PAID
    assert reserved(plugs, members[0]) == 0
    with boa.reverts("no claim"):
        plugs.toy.finalise(terms.abi)


def test_a_wrong_claim_is_slashed_and_the_next_member_delivers(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    world = plugs.world
    claim(plugs, terms, members[0], WRONG)
    with boa.env.prank(wallet("challenger").address):
        with boa.reverts("not the input"):
            plugs.toy.refute(terms.abi, b"not it")
        plugs.toy.refute(terms.abi, QUESTION)
    assert world.job(terms).status == OPEN
    assert world.subnets.stake_of(members[0].address) == 10 * ETHER - BOND
    assert world.subnets.credit(wallet("challenger").address) == BOND // 2
    assert world.subnets.to_burn() == BOND // 2
    with boa.env.prank(members[0].address), boa.reverts("not your turn"):
        plugs.toy.deliver_paid(terms.abi, ANSWER, QUESTION)
    claim(plugs, terms, members[1], ANSWER)
    world.warp(world.now + DELAY)
    plugs.toy.finalise(terms.abi)
    assert world.job(terms).operator == members[1].address


def test_a_wrong_claim_refuted_after_deliver_by_refunds(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    world = plugs.world
    world.warp(terms.deliver_by)
    claim(plugs, terms, members[2], WRONG)
    world.warp(terms.deliver_by + 1)
    plugs.toy.refute(terms.abi, QUESTION)
    assert world.job(terms).status == REFUNDED
    assert world.balance("requester") == world.due(terms)


def test_the_bond_must_be_free_and_opted_in(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    world, poor = plugs.world, members[0]
    for i in range(5):
        other = terms.with_(salt=bytes([i + 1]) * 32)
        world.post(other)
        claim(plugs, other, poor, ANSWER)
    with boa.env.prank(poor.address), boa.reverts("stake not free"):
        plugs.toy.claim(terms.abi, ANSWER)
    with boa.env.prank(members[1].address):
        world.subnets.opt_out(terms.selector)
        with boa.reverts("not opted in"):
            plugs.toy.claim(terms.abi, ANSWER)
    assert world.job(terms).status == OPEN


def test_an_operator_that_opts_out_cannot_shed_its_claim(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    claim(plugs, terms, members[0], WRONG)
    with boa.env.prank(members[0].address):
        plugs.world.subnets.opt_out(terms.selector)
    plugs.toy.refute(terms.abi, QUESTION)
    assert plugs.world.subnets.stake_of(members[0].address) == 10 * ETHER - BOND


def test_a_claim_out_of_turn_locks_nothing(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    with boa.env.prank(members[1].address), boa.reverts("not your turn"):
        plugs.toy.claim(terms.abi, ANSWER)
    assert reserved(plugs, members[1]) == 0


def test_a_second_claim_does_not_replace_the_first(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    claim(plugs, terms, members[0], WRONG)
    plugs.world.warp(plugs.world.now + 120)
    for operator in members[:2]:
        with boa.env.prank(operator.address), boa.reverts():
            plugs.toy.claim(terms.abi, ANSWER)
    plugs.toy.refute(terms.abi, QUESTION)
    assert plugs.world.subnets.stake_of(members[0].address) == 10 * ETHER - BOND


@pytest.mark.parametrize("artifact", [bytes(32), keccak(b"weaker artifact")])
def test_terms_that_name_another_artifact_are_not_served(
    plugs: Plugs, members: list[LocalAccount], artifact: bytes
) -> None:
    terms = plugs.toy_terms.with_(artifact_id=artifact)
    plugs.world.post(terms)
    with boa.env.prank(members[0].address):
        with boa.reverts("not the model's artifact"):
            plugs.toy.claim(terms.abi, ANSWER)
        with boa.reverts("not the model's artifact"):
            plugs.toy.deliver_paid(terms.abi, ANSWER, QUESTION)


def test_swapping_the_artifact_in_posted_terms_names_another_job(
    plugs: Plugs, members: list[LocalAccount]
) -> None:
    posted = plugs.toy_terms.with_(artifact_id=keccak(b"weaker artifact"))
    plugs.world.post(posted)
    with boa.env.prank(members[0].address), boa.reverts("not open"):
        plugs.toy.deliver_paid(plugs.toy_terms.abi, ANSWER, QUESTION)


def test_a_consumer_gets_the_answer_that_was_claimed(
    plugs: Plugs, members: list[LocalAccount]
) -> None:
    consumer = deploy("tests/contracts/mocks/Consumer.vy")
    terms = plugs.toy_terms.with_(callback_target=str(consumer.address), callback_gas=200_000)
    job_id = plugs.world.post(terms)
    claim(plugs, terms, members[0], ANSWER)
    plugs.world.warp(plugs.world.now + DELAY)
    plugs.toy.finalise(terms.abi)
    assert consumer.heard(job_id).output_hash == keccak(ANSWER)
    assert consumer.heard(job_id).is_final


def test_a_dead_toy_holds_neither_price_nor_bond(
    plugs: Plugs, terms: Terms, members: list[LocalAccount]
) -> None:
    world = plugs.world
    claim(plugs, terms, members[0], ANSWER)
    world.warp(terms.resolve_by + 7 * 86_400 + 1)
    world.refund(terms)
    assert reserved(plugs, members[0]) == 0
    with boa.reverts("not pending"):
        plugs.toy.finalise(terms.abi)
