# SPDX-License-Identifier: Apache-2.0
"""Our verifier beside ezkl's three: they say the same of every proof."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.zkml.circuit import Circuit
from tests.zkml.verifier.evm import Halo2, Machine, Solidity
from tests.zkml.verifier.mutations import KINDS, mutate
from tests.zkml.verifier.native import Native

NAMES = ("iris", "digits")
SLOW = ("digits-public", "digits-cnn", "lenet")
FEW, MANY = 200, 2_000
# Faults of the oracles, and ours refuses: the reusable verifier ignores bytes behind the proof, and
# so does ezkl itself.
LENIENT = {"reusable": {"trailing bytes"}, "native": {"trailing bytes"}}


class Judges:
    """Everyone who has an opinion about a circuit's proofs."""

    def __init__(self, circuit: Circuit, scratch: Path) -> None:
        machine = Machine()
        self._ours = Halo2(machine, circuit.built.neg_tau_g2)
        self._program = self._ours.publish(circuit.program)
        self._hash = circuit.built.program.code_hash()
        self.others = {
            "single": Solidity(machine, circuit, reusable=False),
            "reusable": Solidity(machine, circuit, reusable=True),
            "native": Native(circuit, scratch),
        }

    def ours(self, proof: bytes, instances: list[int]) -> bool:
        return self._ours.accepts(self._program, self._hash, proof, instances)


@pytest.fixture(params=[*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def circuit(request: pytest.FixtureRequest, circuits: dict[str, Circuit]) -> Circuit:
    if request.param == "lenet":
        return request.getfixturevalue("lenet")  # type: ignore[no-any-return]
    return circuits[request.param]


@pytest.fixture
def judges(_solc: None, circuit: Circuit, tmp_path: Path) -> Judges:
    return Judges(circuit, tmp_path)


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_no_verdict_differs_on_mutated_proofs(circuit: Circuit, judges: Judges, count: int) -> None:
    assert judges.ours(circuit.proof, circuit.instances)
    seen: Counter[str] = Counter()
    for case in mutate(circuit.built.program.header, circuit.proof, circuit.instances, count):
        changed = (case.proof, case.instances) != (circuit.proof, circuit.instances)
        assert changed, case.kind
        assert not judges.ours(case.proof, case.instances), case.kind
        for name, judge in judges.others.items():
            if judge.accepts(case.proof, case.instances):
                assert case.kind in LENIENT.get(name, ()), f"{name} accepts {case.kind}"
        seen[case.kind] += 1
    assert set(seen) == set(KINDS)


def test_everyone_accepts_the_proof_itself(circuit: Circuit, judges: Judges) -> None:
    assert judges.ours(circuit.proof, circuit.instances)
    for name, judge in judges.others.items():
        assert judge.accepts(circuit.proof, circuit.instances), name


@pytest.mark.usefixtures("_solc")
@pytest.mark.parametrize("other", ["iris-other-weights", "digits"])
def test_a_proof_of_another_circuit_is_refused(
    circuits: dict[str, Circuit], other: str, tmp_path: Path
) -> None:
    judges, foreign = Judges(circuits["iris"], tmp_path), circuits[other]
    assert not judges.ours(foreign.proof, foreign.instances)
    for judge in judges.others.values():
        assert not judge.accepts(foreign.proof, foreign.instances)


def test_a_program_of_another_circuit_refuses_the_proof(circuits: dict[str, Circuit]) -> None:
    circuit, machine = circuits["iris"], Machine()
    ours = Halo2(machine, circuit.built.neg_tau_g2)
    for name in ("iris-other-weights", "digits"):
        program = circuits[name].built.program
        home = ours.publish(program.code())
        assert not ours.accepts(home, program.code_hash(), circuit.proof, circuit.instances)


def test_another_setup_refuses_the_proof(circuits: dict[str, Circuit]) -> None:
    circuit = circuits["iris"]
    ours = Halo2(Machine(), circuits["digits"].built.neg_tau_g2)
    program = ours.publish(circuit.program)
    code_hash = circuit.built.program.code_hash()
    assert not ours.accepts(program, code_hash, circuit.proof, circuit.instances)


def test_a_program_under_another_hash_is_refused(circuits: dict[str, Circuit]) -> None:
    circuit = circuits["iris"]
    ours = Halo2(Machine(), circuit.built.neg_tau_g2)
    program = ours.publish(circuit.program)
    assert not ours.accepts(program, bytes(32), circuit.proof, circuit.instances)
