# SPDX-License-Identifier: Apache-2.0
"""Whoever owed by a key that the guardian took is free; nobody is by its own doing."""

from __future__ import annotations

from dataclasses import astuple, replace

import boa
import pytest

from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, by, deploy
from tests.contracts.terms import Terms
from tests.teeml.contracts.market import BOND, Market
from tests.teeml.contracts.taking import BY_GUARDIAN, TAKEN, remove_measurement, revoke_certificate

PLEDGE = ETHER // 10


def owed(tee: Market, **changes: int) -> Terms:
    """A job that its primary promised to deliver."""
    start = {"deliver_by": tee.world.now + 3_600} | changes
    terms = tee.terms.with_(**start, resolve_by=start["deliver_by"] + 86_400)
    tee.world.post_accepted(terms, tee.world.accept(terms, tee.members[0], PLEDGE))
    return terms


def excuse(tee: Market, terms: Terms, key: str, member: int = 0) -> None:
    with boa.env.prank(tee.members[member].address):
        tee.plugin.excuse(terms.abi, key)


@pytest.mark.parametrize("name", BY_GUARDIAN)
def test_whoever_owed_by_a_key_that_the_guardian_took_is_excused(tee: Market, name: str) -> None:
    key = tee.register().address
    terms = owed(tee)
    operator = tee.members[0].address
    with boa.reverts("no excuse"):
        excuse(tee, terms, key)
    TAKEN[name][0](tee, key)
    excuse(tee, terms, key)
    job = tee.world.job(terms)
    assert (job.status, job.first, job.pledge) == (OPEN, 1, 0)
    assert tee.world.subnets.operators(operator).reserved == BOND
    tee.world.warp(terms.deliver_by + 1)
    tee.world.refund(terms)
    assert tee.world.subnets.to_burn() == 0


def test_an_excuse_is_no_delivery(tee: Market) -> None:
    """Whoever reads the market's events must not take zeros for an answer."""
    key = tee.register().address
    terms = owed(tee)
    remove_measurement(tee, key)
    excuse(tee, terms, key)
    ours, markets = (type(log).__name__ for log in reversed(tee.plugin.get_logs()))
    assert (ours, markets) == ("Excused", "JobExcused")


@pytest.mark.parametrize("later", BY_GUARDIAN)
@pytest.mark.parametrize("first", BY_GUARDIAN)
def test_what_the_guardian_takes_later_hides_nothing(tee: Market, first: str, later: str) -> None:
    """Once more when the key has expired: it would burn the pledge after all."""
    key = tee.register().address
    expires = tee.plugin.key_of(tee.policy.policy_id, key).expires
    terms = owed(tee, deliver_by=expires + 3_600)
    tee.world.warp(expires)
    TAKEN[first][0](tee, key)
    tee.world.warp(expires + 1)
    if first != later:
        TAKEN[later][0](tee, key)
    elif first == "evaluation":
        with by("guardian"):
            least = tee.plugin.policy_state(tee.policy.policy_id)[1]
            tee.plugin.raise_evaluation(tee.policy.policy_id, least + 1)
    excuse(tee, terms, key)
    assert tee.world.job(terms).pledge == 0


def test_what_is_taken_from_an_expired_key_excuses_nothing(tee: Market) -> None:
    key = tee.register().address
    expires = tee.plugin.key_of(tee.policy.policy_id, key).expires
    terms = owed(tee, deliver_by=expires + 3_600)
    tee.world.warp(expires + 1)
    for name in BY_GUARDIAN:
        TAKEN[name][0](tee, key)
        with boa.reverts("no excuse"):
            excuse(tee, terms, key)


def evict(tee: Market) -> None:
    """Member 1 has more stake from now on, and takes member 0's place."""
    second = tee.members[1].address
    with boa.env.prank(second):
        tee.world.subnets.add_stake(second, value=10 * ETHER)
    tee.register(1)


def test_a_place_lost_to_more_stake_excuses_nothing(tee: Market) -> None:
    """The larger stake may be the same person's, who would escape whatever it promised."""
    key = tee.register()
    terms = owed(tee)
    evict(tee)
    with boa.reverts("no excuse"):
        excuse(tee, terms, key.address)
    tee.world.warp(terms.deliver_by + 1)
    tee.world.refund(terms)
    assert tee.world.subnets.to_burn() == PLEDGE


def test_but_the_promise_can_be_kept(tee: Market) -> None:
    key = tee.register()
    terms = owed(tee)
    evict(tee)
    assert not tee.plugin.is_live(tee.policy.policy_id, key.address)
    tee.deliver(terms, key)
    assert (tee.world.job(terms).status, tee.world.job(terms).pledge) == (PAID, 0)


@pytest.mark.parametrize("late", [0, 1])
def test_a_promise_posted_after_the_eviction_too_for_an_hour(holding: Market, late: int) -> None:
    """A requester that evicts whom it has a promise of, and posts then, gains nothing."""
    key = holding.register()
    evict(holding)
    holding.world.warp(holding.world.now + 3_600 + late)
    terms = owed(holding)
    if late:
        with boa.reverts("key revoked"):
            holding.deliver(terms, key)
        return
    holding.deliver(terms, key)
    assert holding.world.job(terms).status == PENDING


@pytest.mark.parametrize("name", TAKEN)
def test_a_replaced_key_can_still_be_taken(tee: Market, name: str) -> None:
    key = tee.register()
    terms = tee.post(deliver_by=tee.world.now + 20_000)
    evict(tee)
    policy_id = tee.policy.policy_id
    with boa.reverts("no reason"):
        tee.plugin.invalidate(policy_id, key.address)
    TAKEN[name][0](tee, key.address)
    tee.plugin.invalidate(policy_id, key.address)
    assert tee.plugin.key_of(policy_id, key.address).reason == TAKEN[name][1]
    with boa.reverts("key revoked"):
        tee.deliver(terms, key)
    with boa.reverts("already invalid"):
        tee.plugin.invalidate(policy_id, key.address)


def test_no_eviction_saves_the_bond_of_a_key_that_signed_twice(tee: Market) -> None:
    key = tee.register()
    terms = owed(tee)
    evict(tee)
    before = tee.world.subnets.stake_of(tee.members[0].address)
    results = [tee.result(terms, output=output) for output in (b"one", b"two")]
    tee.plugin.prove_conflict(
        tee.policy.policy_id,
        key.address,
        [astuple(result) for result in results],
        [tee.domain.sign(key, result) for result in results],
    )
    assert tee.world.subnets.stake_of(tee.members[0].address) == before - BOND
    with boa.reverts("key revoked"):
        tee.deliver(terms, key)
    remove_measurement(tee, key.address)
    with boa.reverts("no excuse"):
        excuse(tee, terms, key.address)


def test_ones_own_renewal_excuses_nothing(tee: Market) -> None:
    key = tee.register().address
    terms = owed(tee)
    tee.register(name="next")
    with boa.reverts("no excuse"):
        excuse(tee, terms, key)


@pytest.mark.parametrize("name", BY_GUARDIAN)
@pytest.mark.parametrize("written", [False, True])
def test_nor_does_what_falls_after_it(tee: Market, name: str, written: bool) -> None:
    """An old key, kept for the day when the guardian retires its image, would pay for any lapse."""
    key = tee.register().address
    tee.world.warp(tee.world.now + 60)
    tee.register(name="next")
    terms = owed(tee)
    tee.world.warp(tee.world.now + 1)
    TAKEN[name][0](tee, key)
    if written:
        tee.plugin.invalidate(tee.policy.policy_id, key)
    with boa.reverts("no excuse"):
        excuse(tee, terms, key)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("late", [0, 1])
def test_a_promise_too_long_after_the_eviction_is_no_keys(
    tee: Market, late: int, written: bool
) -> None:
    """What the guardian takes then, it never rested on."""
    key = tee.register().address
    evict(tee)
    tee.world.warp(tee.world.now + 3_600 + late)
    terms = owed(tee)
    remove_measurement(tee, key)
    if written:
        tee.plugin.invalidate(tee.policy.policy_id, key)
    if late:
        with boa.reverts("no excuse"):
            excuse(tee, terms, key)
        return
    excuse(tee, terms, key)
    assert tee.world.job(terms).pledge == 0


@pytest.mark.parametrize("late", [0, 1])
def test_what_is_taken_after_the_deadline_excuses_nothing(tee: Market, late: int) -> None:
    """It was not why the answer is missing."""
    key = tee.register().address
    terms = owed(tee)
    tee.world.warp(terms.deliver_by + late)
    remove_measurement(tee, key)
    tee.world.warp(terms.deliver_by + 100)
    if late:
        with boa.reverts("no excuse"):
            excuse(tee, terms, key)
        tee.world.refund(terms)
        assert tee.world.subnets.to_burn() == PLEDGE
        return
    excuse(tee, terms, key)


def test_intels_revocation_excuses_nothing(tee: Market) -> None:
    key = tee.register().address
    terms = owed(tee, deliver_by=tee.world.now + 20_000)
    revoke_certificate(tee, key)
    with boa.reverts("no excuse"):
        excuse(tee, terms, key)


def test_what_was_taken_long_before_the_post_excuses_nothing(tee: Market) -> None:
    key = tee.register().address
    remove_measurement(tee, key)
    tee.world.warp(tee.world.now + 3_601)
    terms = owed(tee)
    with boa.reverts("no excuse"):
        excuse(tee, terms, key)


def test_nobody_else_is_excused_nor_asks_for_it(tee: Market) -> None:
    key = tee.register().address
    other = tee.register(1, platform=replace(tee.platform, label="other")).address
    terms, free = owed(tee), tee.post()
    remove_measurement(tee, key)
    for member, used in ((1, key), (1, other), (0, other)):
        with boa.reverts("not the one who owes"):
            excuse(tee, terms, used, member)
    with boa.reverts("nothing owed"):
        excuse(tee, free, key)


def test_an_eager_consumer_hears_nothing_of_an_excuse(tee: Market) -> None:
    consumer = deploy("tests/contracts/mocks/Consumer.vy")
    key = tee.register().address
    terms = tee.terms.with_(
        eager=1,
        callback_target=str(consumer.address),
        callback_gas=200_000,
        deliver_by=tee.world.now + 3_600,
        resolve_by=tee.world.now + 90_000,
    )
    tee.world.post_accepted(terms, tee.world.accept(terms, tee.members[0], PLEDGE))
    remove_measurement(tee, key)
    excuse(tee, terms, key)
    assert tee.world.job(terms).pledge == 0
    heard = consumer.heard(tee.world.domain.job_id(terms))
    assert (heard.results, heard.revocations) == (0, 0)
