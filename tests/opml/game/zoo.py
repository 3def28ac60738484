# SPDX-License-Identifier: Apache-2.0
"""Players: claimants and challengers as small strategies, which know no chain.

A claimant says what it answers at a position; a challenger what it does about an answer.
Both may say nothing, which is how they withhold. ``LIARS`` has every lying claimant by the name
under which a demonstration can call it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from offchain_workers.chain.contracts.opml import Position
from offchain_workers.chain.hashing import keccak
from tests.opml.game.forging import (
    ForgedTensor,
    forged_partials,
    with_output,
    with_trace,
)
from verifiers.opml import moves, runs
from verifiers.opml.merkle import LEAF_BYTES, ZERO, Tensor, Tree, leaf_hash
from verifiers.opml.moves import (
    ELEMENT,
    GRID,
    TENSOR,
    TRACE,
    Challenge,
    Evidence,
    Move,
    Path,
)
from verifiers.opml.openings import (
    Execution,
    descriptor_opening,
    operand_opening,
    param_opening,
)
from verifiers.opml.program import Op
from verifiers.opml.runs import Side
from verifiers.opml.words import from_bytes


class Claimant(Protocol):
    """Claims ``output`` and answers for it."""

    @property
    def output(self) -> bytes: ...

    def answer(self, at: Position) -> Move | None:
        """None: nothing, and the clock runs."""


class Challenger(Protocol):
    """Plays one game."""

    def move(self, at: Position, published: bytes) -> Move | None:
        """``published`` is the data of the Answered event. None: nothing."""


# ---- claimants ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answering:
    """Answers from an execution as the rules ask; honest when the execution is."""

    execution: Execution

    @property
    def output(self) -> bytes:
        return self.execution.outputs[-1].data

    def answer(self, at: Position) -> Move | None:
        try:
            return moves.answer(self.execution, at)
        except IndexError:
            # Asked about a node that there is not.
            return None


@dataclass(frozen=True)
class Lying(Answering):
    """States block values that make the element it claims, when there are any."""

    def answer(self, at: Position) -> Move | None:
        honest = super().answer(at)
        if at.stage != ELEMENT or honest is None or not honest.evidence.partials:
            return honest
        node = self.execution.nodes[at.node_index]
        width = 1 << (node.out_code & 3)
        data = self.execution.outputs[at.node_index].data[at.place : at.place + width]
        claimed = int.from_bytes(data, "little", signed=node.out_code & 3 > 1)
        values, weights = list(honest.evidence.partials), self.execution.weights.data
        try:
            forged = forged_partials(node, values, at.place // width, claimed, weights)
        except ValueError:
            return None
        return replace_evidence(honest, partials=forged)


@dataclass(frozen=True)
class Claiming(Lying):
    """Claims an output that is not even its trace's."""

    claimed: bytes = b""

    @property
    def output(self) -> bytes:
        return self.claimed


@dataclass(frozen=True)
class Withholding(Lying):
    """Answers nothing from a stage of the game on."""

    at_stage: int = TRACE
    at_begin: bool = False

    def answer(self, at: Position) -> Move | None:
        is_begin = at.stage == TRACE and at.node == ZERO
        if is_begin == self.at_begin and at.stage == self.at_stage:
            return None
        return super().answer(at)


@dataclass(frozen=True)
class Confusing(Lying):
    """Its hashes stand for something else; ``decoys`` it publishes beforehand."""

    decoys: tuple[Move, ...] = ()


def replace_evidence(move: Move, **changes: object) -> Move:
    return move._replace(evidence=move.evidence._replace(**changes))


def changed(execution: Execution, j: int, at: int = 0, by: int = 1) -> Execution:
    """One byte of node ``j`` is another."""
    data = bytearray(execution.outputs[j].data)
    data[at] = (data[at] + by) % 256
    return with_output(execution, j, Tensor(bytes(data)))


def _random(seed: int) -> bytes:
    return random.Random(seed).randbytes(32)


def wrong_output(truth: Execution) -> Claimant:
    """Its trace is right, its claim is not."""
    output = bytearray(truth.outputs[-1].data)
    output[0] ^= 1
    return Claiming(truth, bytes(output))


def wrong_last_node(truth: Execution) -> Claimant:
    return Lying(changed(truth, len(truth.nodes) - 1))


def wrong_first_node(truth: Execution) -> Claimant:
    return Lying(changed(truth, 0))


def _first_answer(tree: Tree) -> int:
    """The level that the first answer about a tree shows."""
    return tree.depth - moves.levels_down(tree.depth)


def garbage_tree(truth: Execution) -> Claimant:
    """Right claim, random trace."""
    top = _first_answer(truth.trace)
    return Lying(with_trace(truth, {(top, 0): _random(1), (top, 1): _random(2)}))


def other_program(truth: Execution) -> Claimant:
    """Every element is another, as if it had run another program."""
    outputs = [Tensor(bytes(255 - byte for byte in output.data)) for output in truth.outputs]
    return Lying(replace(truth, outputs=outputs))


def wrong_byte_len(truth: Execution) -> Claimant:
    longer = Tensor(truth.outputs[0].data + b"\0")
    return Claiming(with_output(truth, 0, longer), truth.outputs[-1].data)


def padding_byte(truth: Execution) -> Claimant:
    """The first byte after the first node's end is not zero."""
    output = truth.outputs[0]
    chunk = bytearray(output.leaf(output.leaf_count - 1))
    chunk[len(output.data) % LEAF_BYTES] = 1
    forged = ForgedTensor(output.data, {output.leaf_count - 1: bytes(chunk)})
    return Lying(with_output(truth, 0, forged))


def _largest(truth: Execution) -> int:
    return max(range(len(truth.outputs)), key=lambda j: len(truth.outputs[j].data))


def padding_chunk(truth: Execution) -> Claimant:
    """A leaf behind the end of the largest tensor is not zero."""
    j = _largest(truth)
    output = truth.outputs[j]
    forged = ForgedTensor(output.data, {output.leaf_count: bytes(255) + b"\1"})
    return Lying(with_output(truth, j, forged))


def padding_leaf(truth: Execution) -> Claimant:
    """The trace has a node more than the program."""
    return Lying(with_trace(truth, {(0, len(truth.nodes)): truth.outputs[0].commitment}))


def missing_leaf(truth: Execution) -> Claimant:
    """The trace leaves a node out."""
    return Lying(with_trace(truth, {(0, 1 % len(truth.nodes)): ZERO}))


def random_leaf(truth: Execution) -> Claimant:
    """Nobody can open the trace's first leaf."""
    return Lying(with_trace(truth, {(0, 0): _random(3)}))


def zero_branch(truth: Execution) -> Claimant:
    """A part of the trace is under a hash of zero."""
    top = _first_answer(truth.trace)
    return Lying(with_trace(truth, {(top, 1): ZERO}))


def zero_chunk(truth: Execution) -> Claimant:
    """A leaf of a tensor is a hash of zero."""
    j = _largest(truth)
    forged = ForgedTensor(truth.outputs[j].data, splices={(0, 1): ZERO})
    return Lying(with_output(truth, j, forged))


def zero_part(truth: Execution) -> Claimant:
    """So is a part of a tensor."""
    j = _largest(truth)
    top = _first_answer(truth.outputs[j].tree)
    forged = ForgedTensor(truth.outputs[j].data, splices={(top, 1): ZERO})
    return Lying(with_output(truth, j, forged))


def short_chunk(truth: Execution) -> Claimant:
    """A leaf of a tensor commits to fewer bytes than a leaf has."""
    j = _largest(truth)
    return Lying(with_output(truth, j, ForgedTensor(truth.outputs[j].data, {0: b"short"})))


def short_tensor(truth: Execution) -> Claimant:
    """So does the only leaf of one."""
    return Lying(with_output(truth, 0, ForgedTensor(truth.outputs[0].data, {0: b"short"})))


def empty_chunk(truth: Execution) -> Claimant:
    j = _largest(truth)
    return Lying(with_output(truth, j, ForgedTensor(truth.outputs[j].data, {0: b""})))


def leaf_of_another_kind(truth: Execution) -> Claimant:
    """What stands for a tensor is the hash of a chunk, which it publishes."""
    chunk = bytes(range(256))
    decoy = Move("answer_chunk", args=(chunk,))
    return Confusing(with_trace(truth, {(0, 0): leaf_hash(chunk)}), (decoy,))


def leaf_of_an_inner_node(truth: Execution) -> Claimant:
    """What stands for a tensor is the key of other nodes, which it publishes."""
    children = [_random(i) for i in range(1 << GRID)]
    node = Tree(children, ZERO).root
    key = keccak(node + GRID.to_bytes(32, "big"))
    decoy = Move("answer_children", args=(GRID, children))
    return Confusing(with_trace(truth, {(0, 0): key}), (decoy,))


def chunk_of_another_kind(truth: Execution) -> Claimant:
    """What stands for a chunk is the commitment to a tensor, which it publishes."""
    j, small = _largest(truth), Tensor(b"decoy")
    decoy = Move("answer_tensor", args=(5, small.tree.root, [], small.leaf(0)))
    forged = ForgedTensor(truth.outputs[j].data, splices={(0, 0): small.commitment})
    return Confusing(with_output(truth, j, forged), (decoy,))


def too_large(truth: Execution) -> Claimant:
    """A leaf of the trace commits to more bytes than a tensor may have."""
    root = truth.outputs[0].tree.root
    commitment = keccak(b"\2" + (2**40 + 1).to_bytes(32, "big") + root)
    return Lying(with_trace(truth, {(0, 0): commitment}))


def silent(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), TRACE, at_begin=True)


def silent_in_trace(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), TRACE)


def silent_in_tensor(truth: Execution) -> Claimant:
    return Withholding(changed(truth, _largest(truth), 5), TENSOR)


def silent_at_element(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), ELEMENT)


LIARS: dict[str, Callable[[Execution], Claimant]] = {
    liar.__name__.replace("_", "-"): liar
    for liar in (
        wrong_output,
        wrong_last_node,
        wrong_first_node,
        garbage_tree,
        other_program,
        wrong_byte_len,
        padding_byte,
        padding_chunk,
        padding_leaf,
        missing_leaf,
        random_leaf,
        zero_branch,
        zero_chunk,
        zero_part,
        short_chunk,
        short_tensor,
        empty_chunk,
        leaf_of_another_kind,
        leaf_of_an_inner_node,
        chunk_of_another_kind,
        too_large,
        silent,
        silent_in_trace,
        silent_in_tensor,
        silent_at_element,
    )
}


# ---- challengers -------------------------------------------------------------------------------


@dataclass
class Honest:
    """Goes to the leftmost difference; moves nothing when there is none."""

    challenge: Challenge

    def move(self, at: Position, published: bytes) -> Move | None:
        try:
            return self.challenge.next_move(at, published)
        except ValueError:
            return None


class Stalling:
    """Opens, and waits."""

    def move(self, at: Position, published: bytes) -> Move | None:
        return None


@dataclass
class Wandering:
    """Asks a right claimant for random pieces of its trace, down to an element."""

    truth: Execution
    chance: random.Random
    # Where it stands; the contract's positions below the begin have no more in them.
    walked: list[Position] = field(default_factory=list)

    def move(self, at: Position, published: bytes) -> Move | None:
        if at.stage == ELEMENT:
            return None
        if at.stage == TRACE and (at.levels or at.node == ZERO):
            return self._in_trace(at)
        if at.node_index >= len(self.truth.nodes):
            return None
        if at.stage == TRACE:
            return self._at_leaf(at)
        return self._in_tensor(at, Path())

    def _in_trace(self, at: Position) -> Move | None:
        tree = self.truth.trace
        levels = tree.depth if at.node == ZERO else at.levels
        down = moves.levels_down(levels)
        picked = self.chance.randrange(1 << down)
        index = at.node_index << down | picked
        node = tree.node(levels - down, index)
        if node == ZERO:
            return None
        branch = tree.branch(index, levels - down, levels)
        return Move("pick", Path(trace_index=picked, trace_node=node, trace_branch=branch))

    def _at_leaf(self, at: Position) -> Move:
        output = self.truth.outputs[at.node_index]
        opened = Path(byte_len=len(output.data), root=output.tree.root)
        inside = at._replace(stage=TENSOR, levels=output.tree.depth, place=0)
        return self._in_tensor(inside, opened)

    def _in_tensor(self, at: Position, path: Path) -> Move:
        output = self.truth.outputs[at.node_index]
        if at.levels:
            down = moves.levels_down(at.levels)
            picked = self.chance.randrange(1 << down)
            index = at.place << down | picked
            node = output.tree.node(at.levels - down, index)
            branch = output.tree.branch(index, at.levels - down, at.levels)
            path = path._replace(tensor_index=picked, tensor_node=node, tensor_branch=branch)
            return Move("pick", path)
        byte = self.chance.randrange(LEAF_BYTES)
        return Move("pick", path._replace(chunk=output.leaf(at.place), byte_index=byte))


def false_proof(truth: Execution, j: int, at: int, **forged: object) -> Move:
    """A proof about a byte of node ``j`` from the game's begin; the evidence may be forged.

    Node ``j`` has one leaf, and is elementwise or of one block.
    """
    output, node = truth.outputs[j], truth.nodes[j]
    path = Path(
        trace_index=j,
        trace_node=output.commitment,
        trace_branch=truth.trace.branch(j),
        byte_len=len(output.data),
        root=output.tree.root,
        chunk=output.leaf(0),
        byte_index=at,
    )
    evidence = block_evidence(truth, j, at >> (node.out_code & 3), 0, ())
    return Move("prove", path, evidence._replace(**forged))


def block_evidence(
    truth: Execution, j: int, e: int, block: int, partials: Sequence[int]
) -> Evidence:
    """What a proof about one block of a reduction shows, true or not."""
    node = truth.nodes[j]
    opened = descriptor_opening(truth, j)
    return Evidence(
        from_bytes(opened.descriptor),
        opened.branch,
        block,
        list(partials),
        operand_opening(truth, Side.A, j, e, block),
        operand_opening(truth, Side.B, j, e, block),
        param_opening(truth, j, runs.channel(node, e)),
    )


def forged_statement(truth: Execution, at: Position) -> Move:
    """Block values of a right element that make it, and are not the true ones."""
    stated = moves.answer(truth, at)
    node, first = truth.nodes[at.node_index], stated.evidence.partials[0]
    forged = list(stated.evidence.partials)
    if node.opcode == Op.MAX:
        forged[forged.index(min(forged))] -= 1
    else:
        forged[:2] = [first + 1, forged[1] - 1]
    return replace_evidence(stated, partials=forged)
