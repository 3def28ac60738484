# SPDX-License-Identifier: Apache-2.0
"""What a program can read, and where its instances can be.

A program made with its proof passes any arithmetic (test_malice.py), so that the contract refuses
one only by its shape, or because it computes something else than ``formula`` does.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from eth_utils.crypto import keccak

from benchmarks.zkml.circuit import Circuit
from tests.zkml.verifier import malice, shapes
from tests.zkml.verifier.evm import GAS, Halo2, Machine
from verifiers.zkml.checker import inspect
from verifiers.zkml.errors import ZkError
from verifiers.zkml.field import Point
from verifiers.zkml.program import FIRST_EVAL, REGISTERS, Program

# What a program costs that fills its contract and its proof.
HEAVIEST = 2_200_000
INSTANCE = 2


class Attack:
    """On the contract, with whatever program and proof."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.machine = circuit, Machine()
        self._ours = Halo2(self.machine, circuit.built.neg_tau_g2)
        (setup,) = circuit.folder.parent.glob(f"kzg{self.honest.header.k}.srs")
        self._srs: list[Point] = malice.of_setup(setup, 2)

    @property
    def honest(self) -> Program:
        return self.circuit.built.program

    def accepts(self, program: Program, proof: bytes, instances: list[int]) -> bool:
        code = program.code()
        return self._ours.accepts(self._ours.publish(code), keccak(code), proof, instances)

    def accepts_solved(self, program: Program) -> bool:
        """Whether it passes that should, as far as its arithmetic goes."""
        circuit = self.circuit
        solved = malice.solved_for(program, circuit.proof, circuit.instances, self._srs)
        return self.accepts(*solved, circuit.instances)


@pytest.fixture
def attack(circuits: dict[str, Circuit]) -> Attack:
    return Attack(circuits["iris"])


def test_registers_hold_what_is_bound_before_the_challenges_and_nothing_else(
    attack: Attack,
) -> None:
    """The proof passes with one more constraint exactly where the register is zero."""
    circuit, header = attack.circuit, attack.honest.header
    registers = [*range(shapes.late(header).stop + 8), *range(REGISTERS - 8, REGISTERS)]
    zero = [
        register
        for register in registers
        if attack.accepts(
            shapes.with_constraint(attack.honest, register), circuit.proof, circuit.instances
        )
    ]
    first = 2 * header.heads
    words = [
        int.from_bytes(circuit.proof[32 * at : 32 * at + 32], "big")
        for at in range(first, first + header.evals)
    ]
    readable = words[: header.first_constant - FIRST_EVAL]
    filled = [
        1,
        INSTANCE,
        *(FIRST_EVAL + i for i, value in enumerate(readable) if value),
        *range(header.first_constant, header.first_result),
    ]
    assert zero == [register for register in registers if register not in filled]
    assert any(words[len(readable) :])


@pytest.mark.parametrize("name", [name for name in shapes.SHAPES if " late " in name])
def test_numbers_of_late_evaluations_name_constants_and_results(attack: Attack, name: str) -> None:
    """Were any of them read, the contract's sum would not be the one that was solved for."""
    draw = Random(0)
    for _ in range(2):
        assert attack.accepts_solved(shapes.SHAPES[name](draw, attack.honest))


def test_instances_end_where_the_usable_rows_do(attack: Attack) -> None:
    header = replace(attack.honest.header, k=4)
    small = replace(attack.honest, header=header)
    fits = shapes.with_last(small, (1 << header.k) - header.instances)
    assert attack.accepts_solved(fits)
    inspect(fits.code())
    short = shapes.one_row_short(small)
    assert not attack.accepts_solved(short)
    assert attack.machine.reason == ""
    with pytest.raises(ZkError, match="more instances than rows"):
        inspect(short.code())


def test_instances_that_no_column_reads_are_refused_though_the_sum_fits(attack: Attack) -> None:
    columns = attack.honest.columns
    assert not attack.accepts_solved(
        replace(attack.honest, columns=tuple(1 if at == INSTANCE else at for at in columns))
    )
    assert attack.machine.reason == ""
    # Another column may be read twice as long as they are read, too.
    twice = tuple(columns[0] if at != INSTANCE else at for at in columns)
    assert attack.accepts_solved(replace(attack.honest, columns=twice))


def test_a_program_that_fills_contract_and_proof_has_bounded_gas(attack: Attack) -> None:
    instances = list(range(128))
    for program, proof in shapes.heaviest():
        assert not attack.accepts(program, proof, instances)
        assert attack.machine.reason == "proof"
        assert attack.machine.gas < HEAVIEST < GAS
