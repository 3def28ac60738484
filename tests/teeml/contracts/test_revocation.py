# SPDX-License-Identifier: Apache-2.0
"""What is taken from a key stops it at once, costs no stake, and frees whoever owed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import boa
import pytest

from tests.contracts.parts import ETHER, OPEN, PAID, PENDING, by
from tests.contracts.terms import Terms
from tests.teeml.contracts.conftest import HOLD
from tests.teeml.contracts.market import ANSWER, BOND, Market
from tests.teeml.contracts.simulation import parsed
from verifiers.teeml.onchain import steps

PLEDGE = ETHER // 10


def platform_of(tee: Market, key: str) -> bytes:
    return bytes(tee.plugin.key_of(tee.policy.policy_id, key).platform)


def remove_measurement(tee: Market, key: str) -> None:
    with by("guardian"):
        tee.plugin.remove_measurement(tee.policy.policy_id, 0)


def remove_platform(tee: Market, key: str) -> None:
    with by("guardian"):
        tee.plugin.remove_platform(tee.policy.policy_id, platform_of(tee, key))


def raise_evaluation(tee: Market, key: str) -> None:
    evaluation = tee.plugin.key_of(tee.policy.policy_id, key).evaluation
    with by("guardian"):
        tee.plugin.raise_evaluation(tee.policy.policy_id, evaluation + 1)


def revoke_certificate(tee: Market, key: str) -> None:
    """The PCK CA's next list names the platform's certificate."""
    lists(tee, revoked=[tee.platform.pck.serial_number])


def revoke_authority(tee: Market, key: str) -> None:
    """The root's next list names the CA."""
    lists(tee, root_revoked=[tee.platform.ca_certificate.serial_number])


def lists(tee: Market, **revoked: list[int]) -> None:
    """The revocation lists of the next hour."""
    tee.world.warp(max(tee.world.now, tee.platform.issued + 7_200))
    later = replace(tee.platform, issued=tee.world.now)
    changed = ["root_revoked"] if "root_revoked" in revoked else ["root", "revoked"]
    for step in steps(parsed(later.collateral(**revoked))):
        is_root = step.args[0] == bytes(20)
        if step.function == "update_crl" and (is_root or "revoked" in changed):
            tee.collateral.update_crl(*step.args)


TAKEN: dict[str, tuple[Callable[[Market, str], None], int]] = {
    "certificate": (revoke_certificate, 1),
    "authority": (revoke_authority, 2),
    "measurement": (remove_measurement, 3),
    "platform": (remove_platform, 4),
    "evaluation": (raise_evaluation, 5),
}
BY_GUARDIAN = ("measurement", "platform", "evaluation")


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


# ---- who owed ----


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


def test_a_place_lost_to_more_stake_excuses_too(tee: Market) -> None:
    stakes = [tee.world.subnets.stake_of(member.address) for member in tee.members]
    key = tee.register().address
    terms = owed(tee)
    with boa.env.prank(tee.members[1].address):
        tee.world.subnets.add_stake(tee.members[1].address, value=max(stakes))
    tee.register(1)
    excuse(tee, terms, key)
    assert tee.world.job(terms).pledge == 0


def test_ones_own_renewal_excuses_nothing(tee: Market) -> None:
    key = tee.register().address
    terms = owed(tee)
    tee.register(name="next")
    with boa.reverts("no excuse"):
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


def test_an_eager_consumer_never_hears_of_an_answer_that_there_isnt(tee: Market) -> None:
    key = tee.register().address
    terms = tee.terms.with_(
        eager=1,
        callback_target=str(tee.plugin.address),
        deliver_by=tee.world.now + 3_600,
        resolve_by=tee.world.now + 90_000,
    )
    tee.world.post_accepted(terms, tee.world.accept(terms, tee.members[0], PLEDGE))
    remove_measurement(tee, key)
    with boa.reverts("eager callback"):
        excuse(tee, terms, key)
