# SPDX-License-Identifier: Apache-2.0
"""The largest tensors and traces, tensors that are too large, and what the worst of all costs."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tests.opml.steps import steps
from tests.opml.steps.sparse import SparseTree
from tests.opml.steps.steps import packed
from verifiers.opml.merkle import LEAF_BYTES, ZERO, commitment_of, fold
from verifiers.opml.openings import EMPTY, Opening
from verifiers.opml.program import MAX_NODES, MAX_TENSOR_BYTES, Axis, Code, Kind, Node, Op, Operand

DEPTH = 20
RNG = Random("bounds")
# Two leaves of the largest tensor that meet only in its root.
MIDDLE = MAX_TENSOR_BYTES // LEAF_BYTES // 2
LEFT, RIGHT = RNG.randbytes(LEAF_BYTES), RNG.randbytes(LEAF_BYTES)
LARGEST = SparseTree(MAX_TENSOR_BYTES, {MIDDLE - 1: LEFT, MIDDLE: RIGHT, 2 * MIDDLE - 1: RIGHT})
BRANCH = [RNG.randbytes(32) for _ in range(DEPTH)]
J, INDEX = MAX_NODES - 1, MAX_NODES - 2
TRACE = fold(LARGEST.commitment, INDEX, BRANCH)
NOWHERE = Axis(omul=1, tmul=1, last=2**48 - 1)  # costs, and moves nothing
OPERAND = Operand(Kind.TRACE, index=INDEX, axes=(NOWHERE,) * 4)


def block_value(node: Node, k: int, a: Opening, b: Opening = EMPTY) -> int:
    where = packed(node), J, 0, k, TRACE, DEPTH, ZERO, LARGEST.commitment
    return int(steps.reduce().call("block_value", *where, a, b))


def element(node: Node, a: Opening, b: Opening, p: Opening) -> int:
    where = packed(node), J, 0, TRACE, DEPTH, ZERO, LARGEST.commitment
    return int(steps.element().call("element", *where, a, b, p))


def test_a_dot_in_the_middle_of_the_largest_tensors_costs_most() -> None:
    operand = replace(OPERAND, base=MIDDLE * LEAF_BYTES - 100, zero=-(2**31))
    opening = LARGEST.opening(MIDDLE - 1, MIDDLE, BRANCH)
    assert len(opening.branches) == 62
    run = (LEFT + RIGHT)[156:412]
    value = block_value(Node(Op.DOT, lanes=256, a=operand, b=operand), 0, opening, opening)
    assert value == sum((x + 2**31) ** 2 for x in run)
    # The bound says what it costs, not more.
    assert 0.9 * steps.BLOCK_GAS <= steps.reduce().gas <= steps.BLOCK_GAS


@pytest.mark.parametrize("op", [Op.SUM, Op.MAX, Op.ARGMAX])
def test_wide_lanes_cost_less_than_the_bound(op: Op) -> None:
    base = (MIDDLE * LEAF_BYTES - 128) // 8
    operand = replace(OPERAND, base=base, code=Code.I64)
    block_value(Node(op, lanes=32, a=operand), 0, LARGEST.opening(MIDDLE - 1, MIDDLE, BRANCH))
    assert steps.reduce().gas <= steps.BLOCK_GAS


@pytest.mark.parametrize("op", [Op.DIV, Op.GATHER])
def test_an_element_of_the_largest_tensors_costs_most(op: Op) -> None:
    last = MAX_TENSOR_BYTES - 1
    a = replace(OPERAND, base=MAX_TENSOR_BYTES - 1, zero=RIGHT[-1] - 200)
    b = replace(a, base=last - (200 if op is Op.GATHER else 0))
    opening = LARGEST.opening(2 * MIDDLE - 1, 2 * MIDDLE - 1, BRANCH)
    records = opening._replace(trace_branch=[])
    node = Node(
        op, param_mode=1, param_base=2**36 - 1, a=a, b=b, rows=201, gstride=1, lo=-300, ma=7
    )
    acc = 200 if op is Op.GATHER else (200 * 7 + 100) // 200
    b_, m, s = (
        int.from_bytes(RIGHT[i:j], "little", signed=j < 256)
        for i, j in ((-16, -8), (-8, -4), (-4, 256))
    )
    expected = min(max((acc * m + b_) >> (s % 64), 0), 255)
    assert element(node, opening, opening, records) == expected
    assert 0.9 * steps.ELEMENT_GAS <= steps.element().gas <= steps.ELEMENT_GAS


def test_finish_reads_the_last_record_of_the_largest_weights() -> None:
    node = Node(Op.DOT, param_mode=1, param_base=2**36 - 1)
    opening = LARGEST.opening(2 * MIDDLE - 1, 2 * MIDDLE - 1, [])
    steps.reduce().call("finish", packed(node), 0, 2**190, LARGEST.commitment, opening)
    assert 0.9 * steps.FINISH_GAS <= steps.reduce().gas <= steps.FINISH_GAS


@pytest.mark.parametrize("byte_len", [2**40 + 1, 2**64, 2**255 - 1, 2**255, 2**256 - 1])
def test_a_tensor_that_is_too_long_has_nothing_to_read(byte_len: int) -> None:
    root = bytes(range(32))
    commitment = commitment_of(byte_len, root)
    trace = fold(commitment, INDEX, BRANCH)
    opening = Opening(BRANCH, byte_len, root, b"", [])
    add = Node(Op.ADD, bias=5, a=OPERAND, b=OPERAND, param_mode=1)
    where = J, 0, trace, DEPTH, ZERO, commitment
    given = opening._replace(trace_branch=[])
    assert steps.element().call("element", packed(add), *where, opening, opening, given) == 0
    most = Node(Op.MAX, lanes=3, a=OPERAND)
    where_block = J, 0, 0, trace, DEPTH, ZERO, commitment
    value = steps.reduce().call("block_value", packed(most), *where_block, opening, EMPTY)
    assert value == -(2**63)
    assert steps.reduce().call("finish", packed(add), 0, 9, commitment, given) == 0
