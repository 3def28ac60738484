# SPDX-License-Identifier: Apache-2.0
"""The reference equals the total semantics, element by element."""

from __future__ import annotations

from hypothesis import assume, given, settings

from tests.opml.programs import Program, programs
from tests.opml.strategies import Memory, Step, steps, unhurried
from verifiers.opml import reference, total
from verifiers.opml.program import Code, Kind, Node, Op, Operand


@given(steps())
@settings(unhurried, max_examples=200)
def test_a_node_equals_its_elements(step: Step) -> None:
    assume(step.node.byte_len <= 2048)
    expected = total.tensor(step.node, step.j, step.memory)
    assert reference.compute(step.node, step.j, step.memory) == expected


@given(programs())
@settings(unhurried, max_examples=60)
def test_a_program_equals_its_elements(program: Program) -> None:
    weights = bytes(program.weights)
    outputs = reference.execute(program.nodes, weights, program.given)
    for j, node in enumerate(program.nodes):
        assert outputs[j] == total.tensor(node, j, Memory(program.given, weights, outputs[:j]))


def test_numbers_that_a_factor_of_0_makes_small_are_carried() -> None:
    a = Operand(Kind.INPUT, code=Code.I64)
    node = Node(Op.ADD, ma=2, m=0, zo=7, a=a)
    assert reference.compute(node, 0, Memory(b"\xff" * 7 + b"\x7f")) == b"\x07"
