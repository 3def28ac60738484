# SPDX-License-Identifier: Apache-2.0
"""What is taken from a key stops it at once, and costs no stake."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, by
from tests.teeml.contracts.conftest import HOLD
from tests.teeml.contracts.market import ANSWER, Market
from tests.teeml.contracts.taking import BY_GUARDIAN, TAKEN, remove_measurement, remove_platform


@pytest.mark.parametrize("name", TAKEN)
def test_a_key_that_was_taken_is_written_off_by_anyone(tee: Market, name: str) -> None:
    key = tee.register().address
    policy_id = tee.policy.policy_id
    with boa.reverts("no reason"):
        tee.plugin.invalidate(policy_id, key)
    take, reason = TAKEN[name]
    take(tee, key)
    assert tee.plugin.key_of(policy_id, key).reason == reason
    assert not tee.plugin.is_live(policy_id, key)
    with by("stranger"):
        tee.plugin.invalidate(policy_id, key)
    with boa.reverts("already invalid"):
        tee.plugin.invalidate(policy_id, key)
    assert tee.world.subnets.operators(tee.members[0].address).stake >= 10 * ETHER


@pytest.mark.parametrize("name", TAKEN)
def test_the_next_delivery_is_refused(tee: Market, name: str) -> None:
    """At once, by the guardian's word; by Intel's, once anyone has written it down."""
    key = tee.register()
    terms = tee.post(deliver_by=tee.world.now + 20_000)
    TAKEN[name][0](tee, key.address)
    if name not in BY_GUARDIAN:
        tee.plugin.invalidate(tee.policy.policy_id, key.address)
    with boa.reverts("key revoked"):
        tee.deliver(terms, key)


@pytest.mark.parametrize("name", TAKEN)
def test_under_a_hold_it_is_refused_at_once(holding: Market, name: str) -> None:
    key = holding.register()
    terms = holding.post(deliver_by=holding.world.now + 20_000)
    TAKEN[name][0](holding, key.address)
    with boa.reverts("key revoked"):
        holding.deliver(terms, key)


REFUSED = {
    "certificate": "certificate revoked",
    "authority": "authority revoked",
    "measurement": "measurement removed",
    "platform": "platform removed",
    "evaluation": "evaluation",
}


@pytest.mark.parametrize("name", REFUSED)
def test_and_no_new_key_takes_its_place(tee: Market, name: str) -> None:
    key = tee.register().address
    TAKEN[name][0](tee, key)
    with boa.reverts(REFUSED[name]):
        tee.register(name="next")


def test_an_answer_is_held_and_then_paid(holding: Market) -> None:
    key = holding.register()
    terms = holding.post()
    holding.deliver(terms, key)
    assert holding.world.job(terms).status == PENDING
    with boa.reverts("no reason"):
        holding.plugin.refute(terms.abi)
    final_at = holding.plugin.claim_of(holding.world.domain.job_id(terms))[1]
    assert final_at == holding.world.now + HOLD
    holding.world.warp(final_at)
    with boa.reverts("hold is not over"):
        holding.plugin.finalise(terms.abi, b"")
    holding.world.warp(final_at + 1)
    with boa.reverts("not the output"):
        holding.plugin.finalise(terms.abi, b"another")
    holding.plugin.finalise(terms.abi, ANSWER)
    assert holding.world.job(terms).status == PAID
    with boa.reverts("no claim"):
        holding.plugin.finalise(terms.abi, ANSWER)


@pytest.mark.parametrize("name", TAKEN)
def test_a_key_taken_in_the_hold_refutes_without_slash(holding: Market, name: str) -> None:
    key = holding.register()
    terms = holding.post(deliver_by=holding.world.now + 20_000)
    holding.deliver(terms, key)
    before = holding.world.subnets.operators(holding.members[0].address)
    TAKEN[name][0](holding, key.address)
    holding.world.warp(holding.world.now + HOLD + 1)
    with boa.reverts("key revoked"):
        holding.plugin.finalise(terms.abi, b"")
    with by("stranger"):
        holding.plugin.refute(terms.abi)
    job = holding.world.job(terms)
    assert (job.status, job.first) == (OPEN, 1)
    after = holding.world.subnets.operators(holding.members[0].address)
    assert (after.stake, after.reserved) == (before.stake, before.reserved)
    with boa.reverts("no claim"):
        holding.plugin.refute(terms.abi)


def test_a_replaced_key_takes_nothing_back(holding: Market) -> None:
    key = holding.register()
    terms, late = holding.post(), holding.post()
    holding.deliver(terms, key)
    holding.register(name="next")
    with boa.reverts("key revoked"):
        holding.deliver(late, key)
    with boa.reverts("no reason"):
        holding.plugin.refute(terms.abi)
    holding.world.warp(holding.world.now + HOLD + 1)
    holding.plugin.finalise(terms.abi, b"")
    assert holding.world.job(terms).status == PAID


def test_only_the_guardian_takes_and_only_once(tee: Market) -> None:
    policy_id = tee.policy.policy_id
    key = tee.register().address
    for take in (remove_measurement, remove_platform):
        take(tee, key)
        with boa.reverts("already removed"):
            take(tee, key)
    with by("guardian"), boa.reverts("already removed"):
        tee.plugin.remove_measurement(policy_id, 16)
    with by("guardian"), boa.reverts("evaluation"):
        tee.plugin.raise_evaluation(policy_id, 0)
    least = tee.plugin.policy_state(policy_id)[1]
    with by("guardian"), boa.reverts("evaluation"):
        tee.plugin.raise_evaluation(policy_id, least + 65)
    with by("guardian"):
        tee.plugin.raise_evaluation(policy_id, least + 64)
    with by("stranger"):
        with boa.reverts("not the guardian"):
            tee.plugin.remove_measurement(policy_id, 1)
        with boa.reverts("not the guardian"):
            tee.plugin.remove_platform(policy_id, bytes([1]) * 12)
        with boa.reverts("not the guardian"):
            tee.plugin.raise_evaluation(policy_id, 60_000)
    with boa.reverts("unknown policy"):
        tee.plugin.remove_measurement(bytes(32), 0)
