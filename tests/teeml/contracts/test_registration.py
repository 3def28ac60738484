# SPDX-License-Identifier: Apache-2.0
"""Keys: whose quote is taken, for what, how long, and how many a platform may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

import boa
import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.enclaves import Binding, Policy
from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER, PAID, by
from tests.teeml.contracts.market import ENCLAVE, MEASUREMENT, Market
from tests.teeml.contracts.simulation import parsed
from verifiers.teeml.onchain import steps
from verifiers.teeml.simulated import Level, tcb_info
from verifiers.teeml.simulated.bodies import MEASUREMENT as IMAGE

DAY = 86_400


def send(tee: Market, binding: Binding, evidence: tuple[Any, ...], by_whom: str = "") -> None:
    sender = by_whom or binding.operator
    with boa.env.prank(sender):
        tee.plugin.register(tee.policy.abi(), evidence, astuple(binding))
    tee.world.bonds.add(tee.plugin.bond_id(tee.policy.policy_id, binding.key))


def under(tee: Market, **rules: Any) -> Market:
    """The same market under another policy, which nobody published a model for."""
    changed = replace(tee.policy, **rules)
    tee.plugin.create_policy(changed.abi())
    return replace(tee, policy=changed)


def test_a_key_is_registered_once(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(tee.report_data(binding))
    send(tee, binding, evidence)
    with boa.reverts("already registered"):
        send(tee, binding, evidence)


BINDINGS: dict[str, Callable[[Binding], Binding]] = {
    "key": lambda b: replace(b, key=wallet("stranger").address),
    "sealing key": lambda b: replace(b, sealing_key=bytes(32)),
    "gpu": lambda b: replace(b, gpu_claims=keccak(b"evidence")),
    "manifest": lambda b: replace(b, manifest=bytes(32)),
    "anchor": lambda b: replace(b, anchor=b.anchor - 1),
}


@pytest.mark.parametrize("name", BINDINGS)
def test_a_quote_for_something_else_is_refused(tee: Market, name: str) -> None:
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(tee.report_data(binding))
    with boa.reverts("report data"):
        send(tee, BINDINGS[name](binding), evidence)


def test_a_quote_of_another_operator_chain_contract_or_policy_is_refused(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    anchor = tee.report_data(binding)[32:]
    policy_id = tee.policy.policy_id
    other = replace(binding, operator=tee.members[1].address)
    hashes = (
        tee.domain.binding_hash(policy_id, other),
        replace(tee.domain, chain_id=1).binding_hash(policy_id, binding),
        replace(tee.domain, verifier=other.operator).binding_hash(policy_id, binding),
        tee.domain.binding_hash(keccak(b"policy"), binding),
    )
    for bound in hashes:
        with boa.reverts("report data"):
            send(tee, binding, tee.evidence(bound + anchor))


def test_nobody_registers_a_key_for_another(tee: Market) -> None:
    """It would lock the other's stake."""
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(tee.report_data(binding))
    with boa.reverts("not the operator"):
        send(tee, binding, evidence, tee.members[1].address)


def test_an_old_anchor_is_refused(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(tee.report_data(binding))
    tee.world.roll(300)
    with boa.reverts():
        send(tee, binding, evidence)
    assert tee.plugin.keys_on(tee.policy.policy_id, bytes(12))[0] == "0x" + "00" * 20


def test_another_blocks_hash_is_refused(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    bound = tee.report_data(binding)[:32]
    with boa.reverts("anchor"):
        send(tee, binding, tee.evidence(bound + bytes(32)))


def test_another_image_is_refused(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    data = tee.report_data(binding)
    with boa.reverts("measurement"):
        send(tee, binding, tee.evidence(data, mrtd=bytes(48)))
    with boa.reverts("measurement"):
        send(tee, binding, (*tee.evidence(data)[:-1], 1))


def test_a_debug_domain_is_refused(tee: Market) -> None:
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(
        tee.report_data(binding), attributes=(1 | 1 << 28).to_bytes(8, "little")
    )
    with boa.reverts("td attributes"):
        send(tee, binding, evidence)


def test_rtmr3_counts_only_where_the_policy_says_so(tee: Market) -> None:
    changed = (*((IMAGE,) * 3), bytes(48))
    binding = tee.binding(tee.members[0])
    evidence = tee.evidence(tee.report_data(binding), rtmrs=changed)
    send(tee, binding, evidence)
    strict = under(tee, measurements=(replace(MEASUREMENT, runtime=True),))
    binding = tee.binding(tee.members[0], "strict")
    evidence = tee.evidence(strict.report_data(binding), rtmrs=changed)
    with boa.reverts("measurement"):
        send(strict, binding, evidence)


def test_enclaves_of_sgx_are_taken_with_their_version(tee: Market) -> None:
    load_sgx(tee)
    sgx = under(tee, measurements=(MEASUREMENT, ENCLAVE))
    binding = tee.binding(tee.members[0])
    old = tee.evidence(sgx.report_data(binding), version=3, isvsvn=0)
    with boa.reverts("svn"):
        send(sgx, binding, (*old[:-1], 1))
    new = tee.evidence(sgx.report_data(binding), version=3, isvsvn=2)
    with boa.reverts("measurement"):
        send(sgx, binding, (*new[:-1], 0))
    send(sgx, binding, (*new[:-1], 1))


def load_sgx(tee: Market) -> None:
    """The documents of SGX beside those of TDX."""
    for step in steps(parsed(tee.platform.collateral(tdx=False))):
        if step.function.startswith("update_") and step.function != "update_crl":
            getattr(tee.collateral, step.function)(*step.args)


def test_a_gpu_is_asked_for_where_the_policy_says_so(tee: Market) -> None:
    strict = under(tee, require_gpu=True)
    binding = tee.binding(tee.members[0])
    with boa.reverts("no gpu evidence"):
        send(strict, binding, tee.evidence(strict.report_data(binding)))
    binding = replace(binding, gpu_claims=keccak(b"evidence"))
    send(strict, binding, tee.evidence(strict.report_data(binding)))


def test_collateral_may_be_too_old_for_a_policy(tee: Market) -> None:
    strict = under(tee, max_age=2 * 3_600, key_ttl=7 * DAY)
    key = strict.register()
    expires = tee.plugin.key_of(strict.policy.policy_id, key.address).expires
    assert expires == tee.platform.issued + 2 * 3_600
    tee.world.warp(expires + 1)
    with boa.reverts("collateral too old"):
        strict.register(name="late")


def test_a_key_never_outlives_the_collateral(tee: Market) -> None:
    loose = under(tee, max_age=40 * DAY, key_ttl=7 * DAY)
    tee.world.warp(tee.platform.issued + 28 * DAY)
    key = loose.register()
    expires = tee.plugin.key_of(loose.policy.policy_id, key.address).expires
    assert tee.world.now < expires < tee.world.now + 7 * DAY
    tee.world.warp(expires + 1)
    with boa.reverts("crl window"):
        loose.register(name="late")


def test_a_status_or_an_evaluation_may_be_too_low(tee: Market) -> None:
    with boa.reverts("status"):
        under(tee, statuses=0b10).register()
    evaluation = tee.evidence(bytes(64))[2]
    with boa.reverts("evaluation"):
        under(tee, min_evaluation=evaluation + 1).register()
    under(tee, min_evaluation=evaluation).register()


def test_a_platform_out_of_date_is_taken_where_the_policy_says_so(tee: Market) -> None:
    issued = tee.world.now
    levels = [Level((4,) * 16), Level((1,) * 16, 1, (0,) * 16, "OutOfDate")]
    document = tcb_info(issued, tee.platform.fmspc, levels=levels)
    step = steps(parsed(tee.platform.collateral(tcb=document)))[-2]
    tee.collateral.update_tcb_info(*step.args)
    with boa.reverts("status"):
        tee.register()
    under(tee, statuses=0b10011).register()


def test_an_unknown_policy_registers_nothing(tee: Market) -> None:
    unknown = replace(tee, policy=replace(tee.policy, quota=2))
    with boa.reverts("unknown policy"):
        unknown.register()


POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "no status": ({"statuses": 0}, "statuses"),
    "status revoked": ({"statuses": 128}, "statuses"),
    "no age": ({"max_age": 0}, "age"),
    "evaluation": ({"min_evaluation": 2**16}, "evaluation"),
    "no life": ({"key_ttl": 0}, "key life"),
    "long life": ({"key_ttl": 7 * DAY + 1}, "key life"),
    "no place": ({"quota": 0}, "quota"),
    "many places": ({"quota": 9}, "quota"),
    "long hold": ({"hold": 3_601}, "hold"),
    "bond": ({"bond": 2**96}, "bond"),
    "nothing": ({"measurements": ()}, "no measurements"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies_refused(tee: Market, name: str) -> None:
    changes, reason = POLICIES[name]
    bad: Policy = replace(tee.policy, **changes)
    with boa.reverts(reason):
        tee.plugin.create_policy(bad.abi())


def test_a_renewal_replaces_ones_own_key_that_expires_first(tee: Market) -> None:
    wide = under(tee, quota=2)
    keys = []
    for i in range(3):
        tee.world.roll(5)
        keys.append(wide.register(name=f"key {i}"))
    policy_id = wide.policy.policy_id
    live = [tee.plugin.is_live(policy_id, key.address) for key in keys]
    assert live == [False, True, True]
    assert tee.plugin.key_of(policy_id, keys[0].address).reason == 7


def test_a_full_platform_gives_way_to_more_stake_only(tee: Market) -> None:
    """Members have 10 ether and a few wei more each; by index of registration."""
    ranked = sorted(range(3), key=lambda i: tee.world.subnets.stake_of(tee.members[i].address))
    low, high = ranked[0], ranked[2]
    loser = tee.register(low)
    winner = tee.register(high)
    policy_id = tee.policy.policy_id
    assert not tee.plugin.is_live(policy_id, loser.address)
    assert tee.plugin.is_live(policy_id, winner.address)
    with boa.reverts("platform is full"):
        tee.register(low, name="again")
    equal = tee.world.subnets.stake_of(tee.members[high].address)
    missing = equal - tee.world.subnets.stake_of(tee.members[low].address)
    with boa.env.prank(tee.members[low].address):
        tee.world.subnets.add_stake(tee.members[low].address, value=missing)
    with boa.reverts("platform is full"):
        tee.register(low, name="again")


def test_an_expired_key_frees_its_place(tee: Market) -> None:
    ranked = sorted(range(3), key=lambda i: tee.world.subnets.stake_of(tee.members[i].address))
    low, high = ranked[0], ranked[2]
    key = tee.register(high)
    tee.world.warp(tee.plugin.key_of(tee.policy.policy_id, key.address).expires + 1)
    late = tee.register(low)
    assert tee.plugin.is_live(tee.policy.policy_id, late.address)


def test_one_wei_of_stake_is_enough_for_a_platform_of_ones_own(tee: Market) -> None:
    free = under(tee, bond=0)
    operator = tee.world.add_operator("poor", stake=ETHER)
    poor = replace(free, members=[operator])
    key = poor.register(platform=replace(tee.platform, label="own"))
    assert tee.plugin.key_of(free.policy.policy_id, key.address).operator == operator.address


def test_a_quote_over_the_result_itself_is_paid(tee: Market) -> None:
    free = under(tee, bond=0)
    selector = tee.terms.selector
    model = tee.world.publish("quoted", artifacts=[(selector, free.policy.policy_id)])
    for operator in tee.members:
        tee.world.offer(operator, selector=selector, model_id=model)
    subnet = tee.world.form_subnet(3, model_id=model, selector=selector)
    artifact = free.policy.policy_id
    terms = tee.post(model_id=model, artifact_id=artifact, subnet_id=subnet.id)
    worker = subnet.members[0].address
    result = replace(tee.result(terms), worker=worker)
    bound = tee.domain.quoted_hash(artifact, bytes(32), result)
    good, bad = tee.evidence(bound + bytes(32)), tee.evidence(bound + bytes(31) + b"\1")
    rules = free.policy.abi()

    def deliver(evidence: tuple[Any, ...], output: bytes = b"an answer") -> None:
        with by("stranger"):
            given = (terms.abi, rules, evidence, worker, bytes(32), output)
            tee.plugin.deliver_quoted(*given)

    for evidence, output in ((bad, b"an answer"), (good, b"another")):
        with boa.reverts("report data"):
            deliver(evidence, output)
    deliver(good)
    assert tee.world.job(terms).status == PAID


def test_a_quote_over_a_result_is_no_way_around_a_bond(tee: Market) -> None:
    terms = tee.post()
    evidence = tee.evidence(bytes(64))
    worker = tee.members[0].address
    given = (terms.abi, tee.policy.abi(), evidence, worker, bytes(32), b"x")
    with boa.reverts("bond"):
        tee.plugin.deliver_quoted(*given)
    other = replace(tee.policy, bond=0)
    with boa.reverts("not the artifact"):
        tee.plugin.deliver_quoted(terms.abi, other.abi(), *given[2:])
