# SPDX-License-Identifier: Apache-2.0
"""Programs from the verifiers that ezkl emits.

``build`` is the whole interface: it derives a program, and proves to itself that program and
emitted verifier fold the same commitments with the same factors.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from verifiers.zkml.builder.derive import derive
from verifiers.zkml.builder.emitted import trace
from verifiers.zkml.builder.trace import Trace
from verifiers.zkml.builder.values import compute
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.field import R
from verifiers.zkml.formula import Challenges, combined
from verifiers.zkml.program import Program

SAMPLES = 3


@dataclass(frozen=True)
class Built:
    """A circuit's program, and -[tau]G2 of the setup that its commitments were made with."""

    program: Program
    neg_tau_g2: tuple[int, int, int, int]


def build(source: str) -> Built:
    """From the Solidity that ezkl emits for one circuit. Raises CircuitError."""
    traced = trace(source)
    program = derive(traced)
    check_equal(traced, program)
    a, b, c, d = (traced.number(f"NEG_S_G2_{part}_MPTR") for part in ("X_1", "X_2", "Y_1", "Y_2"))
    if list(traced.pairing[8:]) != [a, b, c, d]:
        raise CircuitError("the pairing is not with the setup's own point")
    return Built(program, (a, b, c, d))


def check_equal(traced: Trace, program: Program) -> None:
    """Raises CircuitError when the two differ: at random numbers, so they agree nowhere else."""
    draw = random.SystemRandom().randrange
    for _ in range(SAMPLES):
        proof = [draw(1, R) for _ in range(traced.proof_words)]
        instances = [draw(1, R) for _ in range(traced.instances)]
        drawn = Challenges(*(draw(1, R) for _ in range(8)))
        values = compute(traced, proof, instances, drawn)
        folded = values.point(*traced.pairing[:2])
        other = values.point(*traced.pairing[6:8])
        expected = {key: factor for key, factor in folded.items() if factor}
        if combined(program, proof, instances, drawn) != expected:
            raise CircuitError("the program is not what the emitted verifier computes")
        if other != {program.header.proof_words - 2: 1}:
            raise CircuitError("the pairing is not of the proof's last point")
