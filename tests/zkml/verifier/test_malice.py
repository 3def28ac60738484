# SPDX-License-Identifier: Apache-2.0
"""Malicious programs accept nothing that is not theirs, burn no gas, and the checker sees them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from eth_utils.crypto import keccak

from benchmarks.zkml.circuit import Circuit
from tests.zkml.verifier import malice
from tests.zkml.verifier.evm import GAS, Halo2, Machine
from verifiers.zkml.checker import check, inspect
from verifiers.zkml.errors import UncheckedProgramError, ZkError
from verifiers.zkml.field import Point

RANDOM, CRAFTED = 1_000, 250
# Twice what an honest proof of a circuit of this size costs.
BOUND = 1_300_000

# Refused before the pairing, whatever the proof.
FIXED_CODE_TELLS = {
    "fewer instances",
    "no instances",
    "no last row",
    "no quotients",
    "no lookups",
    "no chunk",
    "registers that aren't there",
    "an evaluation never opened",
    "an opening on no set",
    "points off the curve",
    "unread instances",
    "more instances than rows",
    "the first format",
}
# Refused by whoever only looks at the code.
INSPECTION_TELLS = FIXED_CODE_TELLS - {"fewer instances"} | {
    "registers of later results",
    "no gates",
    "an opening of another column",
    "other sets",
    "lookups of themselves",
    "a column of late evaluations",
    "a column of theta",
    "a column twice",
}
# Circuits as good as any, but not this one: whoever attests has to derive the program again.
ONLY_THE_DERIVATION_TELLS = {
    "fewer instances",
    "empty gates",
    "another digest",
    "infinity everywhere",
    "points of the setup",
}

# The contract has nothing against these but that the proof doesn't fit; one can be made that does.
PASSES_WITH_ITS_OWN_PROOF = {
    "empty gates",
    "another digest",
    "points of the setup",
    "lookups of themselves",
    "always true",
    "a column of theta",
    "a column twice",
    "a column of late evaluations",
    "an operation on late evaluations",
}
# Against these it has.
TOLD_BY_SHAPE = {"unread instances", "the first format"}


class Attacked:
    def __init__(self, circuit: Circuit) -> None:
        self.machine, self.circuit = Machine(), circuit
        self._ours = Halo2(self.machine, circuit.built.neg_tau_g2)

    def accepts(self, code: bytes, proof: bytes, instances: Sequence[int]) -> bool:
        home = self._ours.publish(code)
        return self._ours.accepts(home, keccak(code), proof, instances)


@pytest.fixture
def attacked(circuits: dict[str, Circuit]) -> Attacked:
    return Attacked(circuits["iris"])


def setup_of(circuit: Circuit) -> list[Point]:
    (path,) = circuit.folder.parent.glob(f"kzg{circuit.built.program.header.k}.srs")
    return malice.of_setup(path, 8)


@pytest.fixture
def crafted(attacked: Attacked) -> list[tuple[str, bytes]]:
    circuit = attacked.circuit
    return list(malice.crafted(circuit.built.program, setup_of(circuit), CRAFTED))


def test_a_thousand_random_programs_accept_nothing(attacked: Attacked) -> None:
    circuit = attacked.circuit
    for code in malice.at_random(circuit.built.program, RANDOM):
        assert not attacked.accepts(code, circuit.proof, circuit.instances)
        assert attacked.machine.gas < BOUND < GAS
        with pytest.raises(ZkError):
            inspect_or_compare(circuit, code)


def test_crafted_programs_refuse_the_proof_within_bounded_gas(
    attacked: Attacked, crafted: list[tuple[str, bytes]]
) -> None:
    circuit = attacked.circuit
    assert {name for name, _ in crafted} == set(malice.changes(setup_of(circuit)))
    assert len(crafted) > CRAFTED / 2
    for name, code in crafted:
        assert not attacked.accepts(code, circuit.proof, circuit.instances), name
        assert attacked.machine.gas < BOUND, name
        if name in FIXED_CODE_TELLS:
            assert attacked.machine.reason != "proof", name


def test_the_checker_refuses_every_crafted_program(
    attacked: Attacked, crafted: list[tuple[str, bytes]]
) -> None:
    for name, code in crafted:
        if name in INSPECTION_TELLS:
            with pytest.raises(ZkError):
                inspect(code)
        if name in ONLY_THE_DERIVATION_TELLS:
            inspect(code)
        with pytest.raises(ZkError):
            inspect_or_compare(attacked.circuit, code)


def test_a_program_made_with_its_proof_accepts_a_lie_and_the_checker_tells(
    attacked: Attacked,
) -> None:
    """Where the argument of docs/zk-program.md ends: on chain this can't be told."""
    circuit = attacked.circuit
    lie = [value + 1 for value in circuit.instances]
    honest = circuit.built.program
    program, proof = malice.solved_for(honest, circuit.proof, lie, setup_of(circuit))
    assert attacked.accepts(program.code(), proof, lie)
    assert not attacked.accepts(program.code(), proof, circuit.instances)
    assert not attacked.accepts(honest.code(), proof, lie)
    inspect(program.code())
    with pytest.raises(UncheckedProgramError, match="not the program"):
        check(program.code(), circuit.source("single"), circuit.built.neg_tau_g2)


@pytest.mark.parametrize("name", sorted(PASSES_WITH_ITS_OWN_PROOF | TOLD_BY_SHAPE))
def test_fixed_code_tells_shapes_and_no_more(attacked: Attacked, name: str) -> None:
    """Whatever the proof: this one is made with the program, so that the sum fits."""
    circuit, srs = attacked.circuit, setup_of(attacked.circuit)
    program = malice.changes(srs)[name](Random(1), circuit.built.program)
    solved, proof = malice.solved_for(program, circuit.proof, circuit.instances, srs)
    passes = attacked.accepts(solved.code(), proof, circuit.instances)
    assert passes == (name in PASSES_WITH_ITS_OWN_PROOF)


def test_the_checker_accepts_what_the_builder_makes(circuits: dict[str, Circuit]) -> None:
    for circuit in circuits.values():
        built = circuit.built
        assert check(circuit.program, circuit.source("single"), built.neg_tau_g2) == built.program


def test_the_checker_refuses_another_circuits_program_and_another_setup(
    circuits: dict[str, Circuit],
) -> None:
    iris, digits = circuits["iris"], circuits["digits"]
    with pytest.raises(UncheckedProgramError, match="not the program"):
        check(circuits["iris-other-weights"].program, iris.source("single"), iris.built.neg_tau_g2)
    with pytest.raises(UncheckedProgramError, match="another setup"):
        check(iris.program, iris.source("single"), digits.built.neg_tau_g2)


def inspect_or_compare(circuit: Circuit, code: bytes) -> None:
    """What ``check`` does, with the derivation done once for all programs."""
    if inspect(code) != circuit.built.program:
        raise UncheckedProgramError("this is not the program of that circuit")
