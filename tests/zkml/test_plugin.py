# SPDX-License-Identifier: Apache-2.0
"""ZkmlVerifier: a proof is paid for the job, input, output, model and member it is due to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from offchain_workers.chain.contracts.zkml import data_contract
from tests.contracts import ledger
from tests.contracts.actors import wallet
from tests.contracts.conftest import isolated
from tests.contracts.parts import PAID, deploy, source
from tests.contracts.terms import Terms
from tests.contracts.world import World
from tests.zkml.circuits import iris, proof
from verifiers.zkml.bundle import PROGRAM_FILE, Bundle
from verifiers.zkml.circuit import Circuit, felt, felts_hash, signed
from verifiers.zkml.field import R
from verifiers.zkml.prover import Proof
from verifiers.zkml.settings import Binding
from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2

DEVELOPMENT_CHAIN = 31_337
VALUES = (41_779, 28_672, 11_469, 1_638)
OTHERS = (50_790, 23_757, 35_226, 10_650)


@dataclass
class Bench:
    """A market that lists the method, a model with its circuit, three members in turn."""

    world: World
    plugin: VyperContract
    found: Bundle
    model_id: bytes
    terms: Terms
    members: list[LocalAccount]

    def deliver(
        self,
        given: Proof | None = None,
        terms: Terms | None = None,
        circuit: Circuit | None = None,
        member: int = 0,
    ) -> None:
        """An honest delivery, but for what is given."""
        sent = given or proof(self.found, VALUES)
        with boa.env.prank(self.members[member].address):
            self.plugin.deliver(
                (terms or self.terms).abi,
                (circuit or self.found.circuit).abi(),
                sent.data,
                list(sent.instances),
            )

    def posted(self, **changes: Any) -> Terms:
        """Another job."""
        terms = self.terms.with_(salt=keccak(text=str(changes)), **changes)
        self.world.post(terms)
        return terms


def placed(plugin: VyperContract, found: Bundle) -> None:
    """Setup and program, as publishers place them."""
    plugin.add_setup(list(found.description.neg_tau_g2))
    program, _ = boa.env.deploy_code(bytecode=data_contract(found.files[PROGRAM_FILE]).data)
    plugin.add_program(str(program))


def bench(found: Bundle) -> Bench:
    world = World.create()
    code = source("contracts/verifiers/zkml/Halo2Verifier.vy").deploy_as_blueprint()
    plugin = deploy(
        "contracts/verifiers/zkml/ZkmlVerifier.vy",
        world.market.address,
        world.models.address,
        code.address,
    )
    selector = world.add_method("zkml", str(plugin.address))
    placed(plugin, found)
    model = world.publish("iris", artifacts=[(selector, found.artifact_id)])
    for i in range(3):
        world.offer(world.add_operator(f"operator {i}"), selector=selector, model_id=model)
    subnet = world.form_subnet(3, model_id=model, selector=selector)
    terms = world.terms(
        subnet,
        model_id=model,
        selector=selector,
        artifact_id=found.artifact_id,
        input_commitment=felts_hash([felt(value) for value in VALUES]),
    )
    return Bench(world, plugin, found, model, terms, subnet.members)


@pytest.fixture(scope="module")
def built() -> Iterator[Bench]:
    with boa.env.anchor():
        before = boa.env.evm.patch.chain_id
        boa.env.evm.patch.chain_id = DEVELOPMENT_CHAIN
        yield bench(iris(Binding.POLYCOMMIT))
        boa.env.evm.patch.chain_id = before


@pytest.fixture
def zk(built: Bench, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A posted job; the market's sums must hold at the end."""
    with isolated(request):
        world = built.world.copy()
        world.post(built.terms)
        yield replace(built, world=world)
        ledger.check(world)


def test_a_proof_is_paid_at_once_and_the_answer_is_the_proofs(zk: Bench) -> None:
    zk.deliver()
    assert zk.world.job(zk.terms).status == PAID
    outputs = proof(zk.found, VALUES).instances[4:]
    wanted = b"".join(signed(value).to_bytes(8, "little", signed=True) for value in outputs)
    logged = [bytes(entry[-1]) for entry in zk.plugin._computation.get_raw_log_entries()]
    assert sum(wanted in data for data in logged) == 1
    assert any(value > R // 2 for value in outputs)


def test_a_job_is_paid_once(zk: Bench) -> None:
    zk.deliver()
    with boa.reverts("not open"):
        zk.deliver()


def test_a_member_out_of_turn_can_not_use_the_primarys_proof(zk: Bench) -> None:
    with boa.reverts("not your turn"):
        zk.deliver(member=1)
    zk.world.warp(zk.world.now + 61)
    zk.deliver(member=1)
    assert zk.world.job(zk.terms).operator == zk.members[1].address


def test_nobody_else_can_deliver(zk: Bench) -> None:
    stranger = replace(zk, members=[wallet("challenger")])
    with boa.reverts("not opted in"):
        stranger.deliver()


def test_a_proof_of_another_input_is_refused(zk: Bench) -> None:
    with boa.reverts("not the input"):
        zk.deliver(proof(zk.found, OTHERS))


def test_another_output_is_refused(zk: Bench) -> None:
    honest = proof(zk.found, VALUES)
    changed = (*honest.instances[:-1], (honest.instances[-1] + 1) % R)
    with pytest.raises(boa.BoaError):
        zk.deliver(replace(honest, instances=changed))


def test_values_of_another_writing_are_refused(zk: Bench) -> None:
    """The same residue, more than the field's order."""
    honest = proof(zk.found, VALUES)
    changed = (*honest.instances[:-1], honest.instances[-1] + R)
    with pytest.raises(boa.BoaError):
        zk.deliver(replace(honest, instances=changed))


@pytest.mark.parametrize("count", [0, 6, 8])
def test_another_number_of_values_is_refused(zk: Bench, count: int) -> None:
    honest = proof(zk.found, VALUES)
    values = (*honest.instances, 0)[:count]
    with boa.reverts("number of values"):
        zk.deliver(replace(honest, instances=values))


@pytest.mark.parametrize("extra", [b"\0", bytes(32), bytes(64)])
def test_bytes_behind_a_proof_are_refused(zk: Bench, extra: bytes) -> None:
    honest = proof(zk.found, VALUES)
    with pytest.raises(boa.BoaError):
        zk.deliver(replace(honest, data=honest.data + extra))


@pytest.mark.parametrize("data", [b"", bytes(64), bytes(8_192)])
def test_what_is_no_proof_is_refused(zk: Bench, data: bytes) -> None:
    with pytest.raises(boa.BoaError):
        zk.deliver(replace(proof(zk.found, VALUES), data=data))


def test_other_weights_are_refused(zk: Bench) -> None:
    """A proof of the same architecture about another commitment to weights."""
    honest = proof(zk.found, VALUES)
    with boa.reverts("not the weights"):
        zk.deliver(replace(honest, data=honest.data[64:128] + honest.data[64:]))


def test_a_circuit_that_is_not_the_terms_is_refused(zk: Bench) -> None:
    other = replace(zk.found.circuit, weights=keccak(b"other"))
    with boa.reverts("not the artifact"):
        zk.deliver(circuit=other)


def test_a_circuit_that_is_not_the_models_is_refused(zk: Bench) -> None:
    other = replace(zk.found.circuit, weights=keccak(b"other"))
    terms = zk.posted(artifact_id=other.artifact_id())
    with boa.reverts("not the model's artifact"):
        zk.deliver(terms=terms, circuit=other)


def test_another_models_job_is_refused(zk: Bench) -> None:
    other = replace(zk.found.circuit, output_scale=1)
    with boa.reverts("not the artifact"):
        zk.deliver(circuit=other)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "version"),
        ({"inputs": 0}, "input binding"),
        ({"input_points": 1}, "input binding"),
        ({"weights": bytes(32)}, "weight binding"),
        ({"weight_points": 0}, "weight binding"),
        ({"outputs": 0}, "number of values"),
        ({"outputs": 129}, "number of values"),
        ({"weight_points": 2}, "number of points"),
        ({"setup": keccak(b"other")}, "no such setup"),
        ({"program": keccak(b"other")}, "no such program"),
    ],
)
def test_circuits_that_leave_something_open_are_refused_whoever_publishes(
    zk: Bench, changes: dict[str, Any], reason: str
) -> None:
    other = replace(zk.found.circuit, **changes)
    model = zk.world.publish(reason, artifacts=[(zk.terms.selector, other.artifact_id())])
    terms = zk.terms.with_(model_id=model, artifact_id=other.artifact_id())
    with boa.reverts(reason):
        zk.deliver(terms=terms, circuit=other)


def test_another_circuits_program_takes_no_proof(zk: Bench) -> None:
    """The same model under other keys, and its setup's verifier."""
    foreign = iris(variant=1)
    placed(zk.plugin, foreign)
    for changes in (
        {"program": foreign.circuit.program},
        {"setup": foreign.circuit.setup},
        {"program": foreign.circuit.program, "setup": foreign.circuit.setup},
    ):
        other = replace(zk.found.circuit, **changes)
        model = zk.world.publish(str(changes), artifacts=[(zk.terms.selector, other.artifact_id())])
        terms = zk.terms.with_(model_id=model, artifact_id=other.artifact_id())
        with pytest.raises(boa.BoaError):
            zk.deliver(terms=terms, circuit=other)


def test_a_development_setup_is_refused_in_production(zk: Bench) -> None:
    boa.env.evm.patch.chain_id = 1
    try:
        with boa.reverts("development setup"):
            zk.plugin.add_setup(list(iris(variant=1).description.neg_tau_g2))
        verifier = zk.plugin.add_setup(list(CEREMONY_NEG_TAU_G2))
    finally:
        boa.env.evm.patch.chain_id = DEVELOPMENT_CHAIN
    assert zk.plugin.verifier_of(keccak(b"".join(
        part.to_bytes(32, "big") for part in CEREMONY_NEG_TAU_G2
    ))) == verifier  # fmt: skip


def test_a_setup_and_a_program_are_added_once(zk: Bench) -> None:
    point, circuit = list(zk.found.description.neg_tau_g2), zk.found.circuit
    assert zk.plugin.add_setup(point) == zk.plugin.verifier_of(circuit.setup)
    first = zk.plugin.program_of(circuit.program)
    placed(zk.plugin, zk.found)
    assert zk.plugin.program_of(circuit.program) == first


def test_what_is_no_data_is_no_program(zk: Bench) -> None:
    with boa.reverts("no code"):
        zk.plugin.add_program(wallet("requester").address)
    with boa.reverts("not data"):
        zk.plugin.add_program(zk.plugin.address)
