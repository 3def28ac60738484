# SPDX-License-Identifier: Apache-2.0
"""TeemlVerifier: what a registered key signed is paid, once, to its operator; nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import boa
import pytest
from eth_account import Account

from offchain_workers.chain.contracts.enclaves import Policy, Result
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, PAID, by
from tests.teeml.contracts.market import ANSWER, BOND, PROOF_SECONDS, Market

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 2 * HALF_ORDER + 1


def test_a_result_that_a_registered_key_signed_is_paid(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    tee.deliver(terms, key)
    job = tee.world.job(terms)
    assert (job.status, job.operator) == (PAID, tee.members[0].address)


def test_the_same_result_is_paid_once(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    tee.deliver(terms, key)
    with boa.reverts("not open"):
        tee.deliver(terms, key)


CHANGES: dict[str, Callable[[Result], Result]] = {
    "job": lambda r: replace(r, job_id=bytes(32)),
    "model": lambda r: replace(r, model_id=bytes(32)),
    "input": lambda r: replace(r, input_commitment=bytes(32)),
    "output": lambda r: replace(r, output_hash=bytes(32)),
    "worker": lambda r: replace(r, worker=wallet("stranger").address),
    "deadline": lambda r: replace(r, deadline=r.deadline + 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_result_about_something_else_is_refused(tee: Market, name: str) -> None:
    key = tee.register()
    terms = tee.post()
    with boa.reverts("signature"):
        tee.deliver(terms, key, result=CHANGES[name](tee.result(terms)))


def test_a_result_of_another_chain_or_contract_is_refused(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    for domain in (
        replace(tee.domain, chain_id=1),
        replace(tee.domain, verifier=wallet("stranger").address),
    ):
        with boa.reverts("signature"):
            tee.deliver(terms, key, signature=domain.sign(key, tee.result(terms)))


def test_another_output_than_the_signed_one_is_refused(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    with boa.reverts("signature"):
        tee.deliver(terms, key, b"another", result=tee.result(terms, output=ANSWER))


def test_another_workers_key_pays_that_worker_and_nobody_else(tee: Market) -> None:
    """The backup can't use the primary's key, nor be paid for what it signed."""
    key, other = tee.register(0), tee.register(1, platform=replace(tee.platform, label="other"))
    terms = tee.post()
    with boa.reverts("signature"):
        tee.deliver(terms, key, member=1)
    with boa.reverts("not your turn"):
        tee.deliver(terms, other, member=1)
    tee.deliver(terms, key)
    assert tee.world.job(terms).operator == tee.members[0].address


def test_a_key_that_nobody_registered_is_refused(tee: Market) -> None:
    terms = tee.post()
    with boa.reverts("unknown key"):
        tee.deliver(terms, wallet("stranger"))


def test_the_high_twin_of_a_signature_is_refused(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    v, r, s = tee.domain.sign(key, tee.result(terms))
    twin = (55 - v, r, ORDER - s)
    with boa.reverts("ecdsa: invalid signature `s` value"):
        tee.deliver(terms, key, signature=twin)


@pytest.mark.parametrize("bad", [(27, 0, 0), (0, 1, 1), (27, 0, 1), (29, 5, 7)], ids=str)
def test_a_signature_of_nobody_is_refused(tee: Market, bad: tuple[int, int, int]) -> None:
    key = tee.register()
    terms = tee.post()
    with boa.reverts("ecdsa: invalid signature"):
        tee.deliver(terms, key, signature=bad)


def test_a_key_signs_until_its_last_second(tee: Market) -> None:
    key = tee.register()
    last = tee.plugin.key_of(tee.policy.policy_id, key.address).expires
    assert last == tee.world.now + tee.policy.key_ttl
    first, second = (tee.post(deliver_by=last + 600) for _ in range(2))
    tee.world.warp(last)
    tee.deliver(first, key)
    tee.world.warp(last + 1)
    with boa.reverts("key expired"):
        tee.deliver(second, key)
    assert not tee.plugin.is_live(tee.policy.policy_id, key.address)


def test_terms_that_name_another_policy_than_the_models_are_refused(tee: Market) -> None:
    rules = replace(tee.policy, hold=1)
    with by("stranger"):
        assert tee.plugin.create_policy(rules.abi()) == rules.policy_id
    loose = replace(tee, policy=rules)
    key = loose.register()
    terms = tee.post(artifact_id=rules.policy_id)
    with boa.reverts("not the model's artifact"):
        tee.deliver(terms, key)


def test_a_whole_batch_is_signed_at_once(tee: Market) -> None:
    key = tee.register()
    terms = tee.post(n=4, item_size=3, max_price=4 * 10**15)
    tee.deliver(terms, key, b"abcdefghijkl")
    assert tee.world.job(terms).status == PAID


def test_two_results_for_one_job_cost_the_bond(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    results = [tee.result(terms, output=output) for output in (b"one", b"two")]
    before = tee.world.subnets.stake_of(tee.members[0].address)
    prove_conflict(tee, key.address, results, [tee.domain.sign(key, r) for r in results])
    assert tee.world.subnets.stake_of(tee.members[0].address) == before - BOND
    assert tee.world.subnets.credit(wallet("stranger").address) == BOND // 2
    assert tee.world.subnets.to_burn() == BOND - BOND // 2
    with boa.reverts("key revoked"):
        tee.deliver(terms, key)


def prove_conflict(
    tee: Market, key: str, results: list[Result], signatures: list[tuple[int, int, int]]
) -> None:
    words = [tuple(vars(result).values()) for result in results]
    with by("stranger"):
        tee.plugin.prove_conflict(tee.policy.policy_id, key, words, signatures)


def test_what_is_no_conflict_costs_nothing(tee: Market) -> None:
    key = tee.register()
    first = tee.result(tee.post())
    other_job = tee.result(tee.post(), output=b"two")
    signed = tee.domain.sign(key, first)
    stranger = wallet("stranger")
    changed = replace(first, output_hash=bytes(32))
    with boa.reverts("one result"):
        prove_conflict(tee, key.address, [first, first], [signed, signed])
    with boa.reverts("two jobs"):
        both = [signed, tee.domain.sign(key, other_job)]
        prove_conflict(tee, key.address, [first, other_job], both)
    with boa.reverts("signature"):
        both = [signed, tee.domain.sign(stranger, changed)]
        prove_conflict(tee, key.address, [first, changed], both)
    with boa.reverts("unknown key"):
        prove_conflict(tee, stranger.address, [first, changed], [signed, signed])


def test_a_conflict_is_proved_once(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    results = [tee.result(terms, output=output) for output in (b"one", b"two")]
    signatures = [tee.domain.sign(key, result) for result in results]
    prove_conflict(tee, key.address, results, signatures)
    with boa.reverts("already invalid"):
        prove_conflict(tee, key.address, results, signatures)


def test_a_bond_outlives_its_key_and_is_then_free(tee: Market) -> None:
    key = tee.register()
    policy_id, operator = tee.policy.policy_id, tee.members[0].address
    last = tee.plugin.key_of(policy_id, key.address).expires
    assert tee.world.subnets.operators(operator).reserved == BOND
    tee.world.warp(last + PROOF_SECONDS)
    with boa.reverts("bond is still locked"):
        tee.plugin.release(policy_id, key.address)
    tee.world.warp(last + PROOF_SECONDS + 1)
    tee.plugin.release(policy_id, key.address)
    assert tee.world.subnets.operators(operator).reserved == 0
    with boa.reverts("not locked"):
        tee.plugin.release(policy_id, key.address)


def test_a_bond_needs_free_stake(tee: Market) -> None:
    for i in range(10):
        tee.register(name=f"key {i}", platform=replace(tee.platform, label=f"platform {i}"))
    with boa.reverts("stake not free"):
        tee.register(name="last", platform=replace(tee.platform, label="last"))
    assert tee.world.subnets.operators(tee.members[0].address).reserved == 10 * ETHER


def test_the_package_computes_what_the_contract_does(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    result = tee.result(tee.terms)
    policy_id = tee.policy.policy_id
    assert tee.plugin.policy_id_of(tee.policy.abi()) == policy_id
    assert Policy.from_abi(tee.policy.abi()) == tee.policy
    hashed = tee.domain.binding_hash(policy_id, binding)
    assert tee.plugin.binding_hash(policy_id, tuple(vars(binding).values())) == hashed
    quoted = tee.domain.quoted_hash(policy_id, bytes(32), result)
    words = tuple(vars(result).values())
    assert tee.plugin.quoted_hash(policy_id, bytes(32), words) == quoted
    signed = Account.unsafe_sign_hash(tee.plugin.result_digest(words), wallet("any").key)
    assert tee.domain.sign(wallet("any"), result) == (signed.v, signed.r, signed.s)
