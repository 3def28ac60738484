# SPDX-License-Identifier: Apache-2.0
"""Openings that are not those of the committed tensors are refused, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from tests.opml.steps import cases, steps
from tests.opml.steps.cases import Case
from tests.opml.steps.machine import RevertedError
from tests.opml.steps.steps import Shown
from verifiers.opml import words
from verifiers.opml.merkle import LEAF_BYTES, Tensor
from verifiers.opml.openings import EMPTY, Execution, Opening, descriptor_opening
from verifiers.opml.program import DESCRIPTOR_BYTES, Node
from verifiers.opml.runs import Side

OPCODES = range(12)
SHARDS = 8
BITS, MANY_BITS = 40, 2_500

# Raises RevertedError, or else returns.
Attempt = Callable[[], object]


@pytest.mark.parametrize("opcode", OPCODES)
def test_a_flipped_bit_is_refused(opcode: int) -> None:
    refuse_bits(Random(opcode), opcode, BITS)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("opcode", OPCODES)
def test_many_flipped_bits_are_refused(opcode: int, shard: int) -> None:
    refuse_bits(Random(f"{opcode} {shard}"), opcode, MANY_BITS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("opcode", OPCODES)
def test_every_bit_counts(opcode: int, seed: int) -> None:
    case = small_case(Random(f"every {opcode} {seed}"), opcode)
    for attempt in [*operand_attempts(case), *descriptor_attempts(case)]:
        refused(attempt)


@pytest.mark.parametrize("opcode", [1, 2, 5, 10])
def test_another_shape_of_opening_is_refused(opcode: int) -> None:
    rng = Random(opcode)
    for _ in range(10):
        shown = Shown.of(cases.reading_case(rng, opcode))
        for name, opening in opened(shown).items():
            for other in reshaped(opening):
                refused(lambda s=shown, n=name, o=other: attempt_of(s, n, o))


def test_the_leaf_of_another_place_is_refused() -> None:
    rng = Random("place")
    for _ in range(30):
        shown = Shown.of(cases.reading_case(rng, 2))
        operand = shown.case.node.a
        tensor = shown.case.execution.tensor(operand.kind, operand.index)
        for i in range(tensor.leaf_count):
            leaf, branch = tensor.leaf(i), tensor.tree.span_branch(i, i)
            if (leaf, branch) != (shown.a.leaves, shown.a.branches):
                elsewhere = shown.a._replace(leaves=leaf, branches=branch)
                refused(lambda s=shown, o=elsewhere: attempt_of(s, "a", o))


@pytest.mark.parametrize("opcode", OPCODES)
def test_what_is_not_read_is_not_looked_at(opcode: int) -> None:
    """A wrong opening never changes a value: it is refused, or nothing is read from it."""
    rng = Random(f"unread {opcode}")
    unread = 0
    for _ in range(25):
        case = cases.case(rng, opcode)
        shown = Shown.of(case)
        garbage = Opening([rng.randbytes(32)], 7, rng.randbytes(32), b"", [])
        expected = shown.value()
        for name, side in (("a", Side.A), ("b", Side.B)):
            try:
                assert shown.but(**{name: garbage}).value() == expected
                unread += 1
            except RevertedError:
                assert getattr(shown, name) != EMPTY
                assert side in cases.sides(opcode) or opcode == 11
    assert unread


def test_a_descriptor_needs_its_own_index_and_depth() -> None:
    nodes = [Node(op) for op in range(5)]
    empty = Tensor(b"")
    execution = Execution(nodes, empty, empty, [empty] * 5)
    data, branch = descriptor_opening(execution, 1)
    desc, root = words.from_bytes(data), execution.program.root
    steps.probe().call("open_descriptor", desc, 1, branch, root, 3)
    for j, siblings, depth in ((9, branch, 3), (1, branch[:2], 2), (1, branch, 2), (0, branch, 3)):
        with pytest.raises(RevertedError, match=r"branch|descriptor"):
            steps.probe().call("open_descriptor", desc, j, siblings, root, depth)


def refuse_bits(rng: Random, opcode: int, count: int) -> None:
    """Random bits, a few of each case, a third of them of the descriptor."""
    done = 0
    while done < count:
        case = cases.reading_case(rng, opcode)
        operands = list(operand_attempts(case, rng, 8))
        for attempt in operands + list(descriptor_attempts(case, rng, 4)):
            refused(attempt)
            done += 1


def refused(attempt: Attempt) -> None:
    with pytest.raises(RevertedError) as caught:
        attempt()
    assert str(caught.value), "without a reason"


def small_case(rng: Random, opcode: int) -> Case:
    """One whose openings are short, so that all their bits can be tried."""
    while True:
        found = cases.reading_case(rng, opcode)
        shown = Shown.of(found)
        total = sum(len(opening.leaves) for opening in opened(shown).values())
        if total <= 2 * LEAF_BYTES * max(1, len(cases.sides(opcode))):
            return found


def opened(shown: Shown) -> dict[str, Opening]:
    """The openings that the step has to look at: the runs that `reading_case` found present."""
    by_side = {Side.A: ("a", shown.a), Side.B: ("b", shown.b)}
    return dict([by_side[side] for side in cases.sides(shown.case.node.opcode)] + [("p", shown.p)])


def attempt_of(shown: Shown, name: str, opening: Opening) -> int:
    """The record is read by `finish` of reductions, everything else by the block or the element."""
    changed = shown.but(**{name: opening})
    is_finish = name == "p" and shown.case.node.is_reduction
    return changed.finished(5) if is_finish else changed.value()


def operand_attempts(case: Case, rng: Random | None = None, count: int = 0) -> Iterator[Attempt]:
    """Each bit of what is opened, or ``count`` of them at random."""
    shown = Shown.of(case)
    bits = [(n, at) for n, opening in opened(shown).items() for at in range(bit_count(opening))]
    for name, at in rng.sample(bits, count) if rng else bits:
        spoilt = flipped(getattr(shown, name), at)
        yield lambda n=name, o=spoilt: attempt_of(shown, n, o)


def descriptor_attempts(case: Case, rng: Random | None = None, count: int = 0) -> Iterator[Attempt]:
    data, branch = descriptor_opening(case.execution, case.j)
    program = case.execution.program
    bits = range(8 * DESCRIPTOR_BYTES)
    for at in rng.sample(bits, count) if rng else bits:
        desc = words.from_bytes(flip(data, at))
        yield lambda d=desc: steps.probe().call(
            "open_descriptor", d, case.j, branch, program.root, program.depth
        )


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def bit_count(opening: Opening) -> int:
    return 8 * len(b"".join(parts(opening)))


def parts(opening: Opening) -> list[bytes]:
    """All that an opening is made of, a hash a part."""
    size = opening.byte_len.to_bytes(32, "big")
    return [opening.leaves, size, opening.root, *opening.trace_branch, *opening.branches]


def flipped(opening: Opening, bit: int) -> Opening:
    """With one bit of all its bits changed."""
    whole = flip(b"".join(parts(opening)), bit)
    cut = len(opening.leaves)
    leaves, rest = whole[:cut], [whole[i : i + 32] for i in range(cut, len(whole), 32)]
    size, root, *hashes = rest
    split = len(opening.trace_branch)
    return Opening(hashes[:split], int.from_bytes(size, "big"), root, leaves, hashes[split:])


def reshaped(opening: Opening) -> Iterator[Opening]:
    """A leaf or a hash too many or too few; for input and weights the trace doesn't matter."""
    yield opening._replace(leaves=b"")
    yield opening._replace(leaves=opening.leaves[:-1])
    yield opening._replace(branches=[*opening.branches, bytes(32)])
    if len(opening.leaves) == LEAF_BYTES:
        yield opening._replace(leaves=opening.leaves * 2)
    else:
        yield opening._replace(leaves=opening.leaves[:LEAF_BYTES])
    if opening.branches:
        yield opening._replace(branches=opening.branches[:-1])
    if opening.trace_branch:
        yield opening._replace(trace_branch=opening.trace_branch[:-1])
        yield opening._replace(trace_branch=[*opening.trace_branch, bytes(32)])
