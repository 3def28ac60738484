# SPDX-License-Identifier: Apache-2.0
"""Openings show what a block reads, fold to the commitments, and need nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.chain.hashing import keccak
from tests.opml.strategies import Memory, Step, steps, unhurried
from verifiers.opml import runs, total
from verifiers.opml.merkle import (
    LEAF_BYTES,
    ZERO,
    Tensor,
    commitment_of,
    fold,
    inner_hash,
    leaf_hash,
)
from verifiers.opml.openings import (
    EMPTY,
    Execution,
    Opening,
    descriptor_opening,
    operand_opening,
    param_opening,
)
from verifiers.opml.program import Axis, Kind, Node, Op, Operand
from verifiers.opml.runs import Side


def execution_of(step: Step) -> Execution:
    """The step's node after as many others as it has tensors before it."""
    nodes = [Node(0)] * step.j + [step.node]
    outputs = [Tensor(data) for data in (*step.memory.trace, b"\x07")]
    return Execution(nodes, Tensor(step.memory.given), Tensor(step.memory.weights), outputs)


def fold_pair(left: bytes, right: bytes, index: int, branch: list[bytes]) -> bytes:
    """Where two leaves that follow one another lead to, level by level."""
    if index & 1 == 0:
        return fold(inner_hash(left, right), index >> 1, branch)
    if len(branch) < 2:
        return b""  # no place of theirs
    return fold_pair(
        inner_hash(branch[0], left), inner_hash(right, branch[1]), index >> 1, branch[2:]
    )


def leaf_indices(opening: Opening) -> list[int]:
    """Where the opened leaves lie, found without the code under test: by what they fold to."""
    count = len(opening.leaves) // LEAF_BYTES
    hashes = [
        leaf_hash(opening.leaves[i * LEAF_BYTES : (i + 1) * LEAF_BYTES]) for i in range(count)
    ]
    leaves = max(1, -(-opening.byte_len // LEAF_BYTES))
    for at in range(leaves + 1 - count) if count else ():
        if count == 1:
            top = fold(hashes[0], at, opening.branches)
        else:
            top = fold_pair(hashes[0], hashes[1], at, opening.branches)
        if top == opening.root:
            return [at + i for i in range(count)]
    assert opening.leaves == b""
    return []


def test_an_absent_axis_or_reference_opens_nothing() -> None:
    out = Operand(Kind.INPUT, axes=(Axis(off=1), Axis(), Axis(), Axis()))
    node = Node(Op.ADD, a=out, b=Operand(Kind.TRACE, index=1))
    execution = Execution([node] * 2, Tensor(b"a"), Tensor(b"b"), [Tensor(b"c")] * 2)
    assert operand_opening(execution, Side.A, 1, 0, 0) == EMPTY
    assert operand_opening(execution, Side.B, 1, 0, 0) == EMPTY
    assert param_opening(execution, 1, 0) == EMPTY


def test_an_address_outside_opens_the_commitment_alone() -> None:
    node = Node(Op.ADD, a=Operand(Kind.INPUT, base=1), b=Operand(Kind.TRACE, base=-1))
    given, output = Tensor(b"a"), Tensor(b"c")
    execution = Execution([Node(0), node], given, Tensor(b"b"), [output] * 2)
    assert operand_opening(execution, Side.A, 1, 0, 0) == Opening([], 1, given.tree.root, b"", [])
    branch = [output.commitment]
    expected = Opening(branch, 1, output.tree.root, b"", [])
    assert operand_opening(execution, Side.B, 1, 0, 0) == expected


def test_a_run_over_a_leaf_end_opens_two_leaves() -> None:
    data = bytes(range(256)) * 3
    node = Node(Op.DOT, lanes=256, a=Operand(Kind.INPUT, base=100), b=Operand(Kind.WEIGHTS))
    execution = Execution([node], Tensor(data), Tensor(data), [Tensor(b"\0")])
    a, b = (operand_opening(execution, side, 0, 0, 0) for side in Side)
    assert a.leaves == data[:512]
    assert a.branches == Tensor(data).tree.branch(0)[1:]
    assert b.leaves == data[:256]
    assert b.branches == Tensor(data).tree.branch(0)


def test_a_table_is_opened_where_it_is_read() -> None:
    table = bytes(range(256)) * 4
    node = Node(Op.GATHER, rows=4, gstride=256, a=Operand(Kind.INPUT), b=Operand(Kind.WEIGHTS))
    weights = Tensor(table)
    execution = Execution([node], Tensor(b"\x02"), weights, [Tensor(b"\0")])
    opening = operand_opening(execution, Side.B, 0, 0, 0)
    assert opening.branches == weights.tree.branch(2)
    beyond = Execution([node], Tensor(b"\x04"), weights, [Tensor(b"\0")])
    assert operand_opening(beyond, Side.B, 0, 0, 0) == Opening(
        [], len(table), weights.tree.root, b"", []
    )


def test_a_record_is_opened_in_its_leaf_and_one_outside_by_the_commitment_alone() -> None:
    weights = Tensor(bytes(range(256)) * 2)
    node = Node(Op.DOT, param_mode=1, param_base=15)
    execution = Execution([node], Tensor(b""), weights, [Tensor(b"\0")])
    assert param_opening(execution, 0, 0).branches == weights.tree.branch(0)
    assert param_opening(execution, 0, 1).branches == weights.tree.branch(1)
    outside = param_opening(execution, 0, 17)
    assert outside == Opening([], 512, weights.tree.root, b"", [])


def test_a_descriptor_is_opened_in_the_program() -> None:
    nodes = [Node(op) for op in (1, 2, 3)]
    execution = Execution(nodes, Tensor(b""), Tensor(b""), [Tensor(b"")] * 3)
    data, branch = descriptor_opening(execution, 2)
    assert Node.decode(data) == nodes[2]
    assert fold(keccak(b"\x03" + data), 2, branch) == execution.program.root


@given(steps(), st.data())
@unhurried
def test_an_opening_folds_to_its_commitments(step: Step, data: st.DataObject) -> None:
    execution = execution_of(step)
    k = data.draw(st.integers(0, step.node.blocks - 1))
    side = data.draw(st.sampled_from(Side))
    opening = operand_opening(execution, side, step.j, step.e, k)
    if opening == EMPTY:
        return
    operand = side.of(step.node)
    leaf_indices(opening)
    commitment = commitment_of(opening.byte_len, opening.root)
    if operand.kind == Kind.TRACE:
        root = fold(commitment, operand.index, opening.trace_branch)
        assert root == execution.trace.root
        return
    assert opening.trace_branch == []
    assert commitment == execution.tensor(operand.kind, 0).commitment


@given(steps(), st.data())
@unhurried
def test_a_block_needs_nothing_but_its_openings(step: Step, data: st.DataObject) -> None:
    execution = execution_of(step)
    k = data.draw(st.integers(0, step.node.blocks - 1))
    known: dict[tuple[int, int], bytearray] = {}
    for side in Side:
        operand = side.of(step.node)
        opening = operand_opening(execution, side, step.j, step.e, k)
        if opening == EMPTY:
            continue
        index = operand.index if operand.kind == Kind.TRACE else 0
        mine = known.setdefault((operand.kind, index), bytearray(b"\xaa" * opening.byte_len))
        for i, at in enumerate(leaf_indices(opening)):
            leaf = opening.leaves[i * LEAF_BYTES : (i + 1) * LEAF_BYTES]
            start = at * LEAF_BYTES
            mine[start : start + LEAF_BYTES] = leaf[: opening.byte_len - start]
    blind = total.block_value(
        step.node, step.j, step.e, k, lambda *key: bytes(known.get(key, b"\xaa" * 5000))
    )
    assert blind == total.block_value(step.node, step.j, step.e, k, step.memory)


@given(steps())
@unhurried
def test_a_record_alone_gives_the_parameters(step: Step) -> None:
    execution = execution_of(step)
    c = runs.channel(step.node, step.e)
    opening = param_opening(execution, step.j, c)
    weights = bytes(opening.byte_len)
    if opening.leaves:
        at = 16 * (step.node.param_base + c) // LEAF_BYTES
        assert fold(leaf_hash(opening.leaves), at, opening.branches) == opening.root
        weights = bytes(at * LEAF_BYTES) + opening.leaves[: opening.byte_len - at * LEAF_BYTES]
    expected = total.parameters(step.node, step.e, step.memory.weights)
    assert total.parameters(step.node, step.e, weights) == expected


def test_a_tree_of_one_tensor_has_no_branch() -> None:
    node = Node(Op.MOVE, a=Operand(Kind.INPUT))
    memory = Memory(b"\x05", b"")
    execution = execution_of(Step(node, 0, memory))
    opening = operand_opening(execution, Side.A, 0, 0, 0)
    assert opening == Opening([], 1, Tensor(b"\x05").tree.root, b"\x05".ljust(256, b"\0"), [])
    assert execution.trace.root == Tensor(b"\x07").commitment != ZERO
