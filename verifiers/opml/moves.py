# SPDX-License-Identifier: Apache-2.0
"""How the game is played: what a claimant answers and what a challenger does next.

Pure: positions and published answers in, the contract's arguments out. A challenger compares what
the claimant published with its own execution and always goes to the leftmost difference, so that
all that the disputed node reads is the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from eth_abi.abi import decode

from offchain_workers.chain.contracts.opml import Position
from offchain_workers.chain.hashing import keccak
from verifiers.opml import runs
from verifiers.opml.merkle import LEAF_BYTES, ZERO, Tree, inner_hash
from verifiers.opml.openings import (
    EMPTY,
    Execution,
    Opening,
    descriptor_opening,
    operand_opening,
    param_opening,
)
from verifiers.opml.program import Header
from verifiers.opml.runs import Side
from verifiers.opml.words import from_bytes

TRACE, TENSOR, ELEMENT, WON, NAMED = 1, 2, 3, 4, 5
# An answer shows the nodes up to so many levels below the one in question.
MAX_DOWN = 6
# Bytes of the output's commitment that a claim word keeps.
CUT = 21


class Path(NamedTuple):
    """A walk down, as in IOpmlJudge."""

    trace_index: int = 0
    trace_node: bytes = ZERO
    trace_branch: Sequence[bytes] = ()
    byte_len: int = 0
    root: bytes = ZERO
    tensor_index: int = 0
    tensor_node: bytes = ZERO
    tensor_branch: Sequence[bytes] = ()
    chunk: bytes = b""
    byte_index: int = 0


class Evidence(NamedTuple):
    """The disputed node and what its step reads, as in IOpmlJudge."""

    descriptor: Sequence[int] = (0,) * 14
    branch: Sequence[bytes] = ()
    block: int = 0
    partials: Sequence[int] = ()
    a: Opening = EMPTY
    b: Opening = EMPTY
    p: Opening = EMPTY


class Move(NamedTuple):
    """A call of OpmlVerifier's function ``name``, without what names job and game."""

    name: str
    path: Path = Path()
    evidence: Evidence = Evidence()
    args: tuple[object, ...] = ()


def levels_down(levels: int) -> int:
    """How far below a node with ``levels`` levels under it its answer lies: as few answers as can
    be, of about the same size."""
    return levels // -(-levels // MAX_DOWN) if levels else 0


def all_children(levels: int, published: Sequence[bytes]) -> list[bytes]:
    """An answer's nodes with those that were left out, which are as the last one."""
    missing = (1 << levels_down(levels)) - len(published)
    return [*published, *[published[-1]] * missing]


# ---- the claimant ------------------------------------------------------------------------------


def answer(execution: Execution, at: Position) -> Move:
    """What a claimant publishes when a game waits at ``at`` for its answer."""
    if at.stage == ELEMENT:
        return Move("answer_partials", args=(_stated(execution, at),))
    if at.stage == NAMED:
        return Move("state", args=(seal(execution.trace.root), _stated(execution, at)))
    if at.stage == TRACE and at.node == ZERO:
        return Move("post_trace", args=(_first_children(execution.trace),))
    if at.stage == TRACE and at.levels == 0:
        tensor = execution.outputs[at.node_index]
        tree = tensor.tree
        chunk = b"" if tree.depth else tensor.leaf(0)
        children = _first_children(tree) if tree.depth else []
        return Move("answer_tensor", args=(len(tensor.data), tree.root, children, chunk))
    if at.stage == TENSOR and at.levels == 0:
        return Move("answer_chunk", args=(execution.outputs[at.node_index].leaf(at.place),))
    tree = execution.trace if at.stage == TRACE else execution.outputs[at.node_index].tree
    index = at.node_index if at.stage == TRACE else at.place
    return Move("answer_children", args=(at.levels, _below_node(tree, at.levels, index)))


def seal(root: bytes) -> bytes:
    """A root that only those can recognise who know it: others' audits must not copy it."""
    return keccak(root)


def _first_children(tree: Tree) -> list[bytes]:
    return _below_node(tree, tree.depth, 0)


def _below_node(tree: Tree, levels: int, index: int) -> list[bytes]:
    """An answer's nodes, without those at the end that are as the last one left."""
    nodes = tree.children(levels, index, levels_down(levels))
    while len(nodes) > 1 and nodes[-1] == nodes[-2]:
        nodes.pop()
    return nodes


def needs_partials(execution: Execution, at: Position) -> bool:
    """Whether the element is made of several blocks, whose values the claimant must state.

    A game may name what there is not: padding, a byte where no element begins, no node."""
    if at.node_index >= len(execution.nodes):
        return False
    node = execution.nodes[at.node_index]
    width = 1 << (node.out_code & 3)
    return node.blocks > 1 and at.place < node.byte_len and at.place % width == 0


def _stated(execution: Execution, at: Position) -> list[int]:
    if not needs_partials(execution, at):
        return []
    width = 1 << (execution.nodes[at.node_index].out_code & 3)
    return execution.block_values(at.node_index, at.place // width)


def _described(execution: Execution, j: int) -> Evidence:
    opened = descriptor_opening(execution, j)
    return Evidence(descriptor=from_bytes(opened.descriptor), branch=opened.branch)


# ---- the challenger ----------------------------------------------------------------------------


class Overlay:
    """A claimant's trace tree, as far as it is published, over the challenger's own."""

    def __init__(self, own: Tree) -> None:
        self.own = own
        self.depth = own.depth
        self._published: dict[tuple[int, int], bytes] = {}

    def publish(self, level: int, first: int, nodes: Sequence[bytes]) -> None:
        """Take over ``nodes``, a power of two of them, from ``first`` on, and all above them."""
        row = list(nodes)
        while row:
            self._published.update({(level, first + i): node for i, node in enumerate(row)})
            row = [inner_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
            level, first = level + 1, first >> 1

    def node(self, level: int, index: int) -> bytes:
        found = self._published.get((level, index))
        return self.own.node(level, index) if found is None else found

    def branch(self, index: int) -> list[bytes]:
        return [self.node(level, (index >> level) ^ 1) for level in range(self.depth)]


@dataclass
class Challenge:
    """A challenger's view of one claim: its own execution, and what the claimant published."""

    header: Header
    execution: Execution
    # The claimed output's commitment.
    output: bytes
    claimed: Overlay = field(init=False)

    def __post_init__(self) -> None:
        self.claimed = Overlay(self.execution.trace)

    def learn_children(self, at: Position, children: Sequence[bytes]) -> None:
        """Nodes of the claimant's trace below ``at`` (below the root at the game's begin)."""
        levels = self._levels(at)
        down = levels_down(levels)
        self.claimed.publish(levels - down, at.node_index << down, children)

    def _levels(self, at: Position) -> int:
        return self.claimed.depth if at.node == ZERO else at.levels

    def _published_nodes(self, at: Position, published: bytes) -> list[bytes]:
        return all_children(self._levels(at), decode(["bytes32[]"], published)[0])

    def next_move(self, at: Position, published: bytes) -> Move:
        """``pick`` or ``prove``, now that the claimant's answer is ``published``.

        ``published`` is the data of the Answered event. Raises ValueError when nothing published
        differs from the challenger's own execution: there is nothing to win. From a named element
        back to where other games begin: who supposed more of the trace uses ``named``.
        """
        if at.stage == NAMED:
            return Move("pick")
        if at.stage == TRACE and (at.levels or at.node == ZERO):
            return self._in_trace(at, self._published_nodes(at, published))
        if at.stage == TRACE:
            return self._at_leaf(at, published)
        if at.stage == TENSOR and at.levels:
            children = self._published_nodes(at, published)
            return _down(self._below(at.node_index, at.levels, at.place, children))
        if at.stage == TENSOR:
            (chunk,) = decode(["bytes"], published)
            return self._at_chunk(at, Path(), chunk)
        return Move("prove", evidence=self._proof(at, decode(["int256[]"], published)[0]))

    def _in_trace(self, at: Position, children: Sequence[bytes]) -> Move:
        self.learn_children(at, children)
        levels = self._levels(at)
        down = levels_down(levels)
        level, first = levels - down, at.node_index << down
        wrong = _first_difference(
            children, self.execution.trace.children(levels, at.node_index, down)
        )
        if wrong is None and at.node == ZERO:
            return self._output_mismatch()
        if wrong is None:
            raise ValueError("the claimant's trace is the same as ours")
        branch = _branch_among(children, wrong)
        path = Path(trace_index=wrong, trace_node=children[wrong], trace_branch=branch)
        node_index = first + wrong
        child = children[wrong]
        is_lost = child == ZERO if level else self._is_visibly_wrong(node_index, child)
        return Move("prove" if is_lost else "pick", path)

    def _is_visibly_wrong(self, j: int, leaf: bytes) -> bool:
        if j >= self.header.node_count or leaf == ZERO:
            return True
        return j == self.header.output_node and leaf[:CUT] != self.output[:CUT]

    def _output_mismatch(self) -> Move:
        j = self.header.output_node
        trace = self.execution.trace
        if trace.node(0, j)[:CUT] == self.output[:CUT]:
            raise ValueError("the claim is the same as our own")
        path = Path(trace_index=j, trace_node=trace.node(0, j), trace_branch=trace.branch(j))
        return Move("prove", path)

    def _at_leaf(self, at: Position, published: bytes) -> Move:
        types = ["uint256", "bytes32", "bytes32[]", "bytes"]
        byte_len, root, children, chunk = decode(types, published)
        opened = Path(byte_len=byte_len, root=root)
        own = self.execution.outputs[at.node_index]
        if byte_len != len(own.data):
            return Move("prove", opened, _described(self.execution, at.node_index))
        inside = Position(TENSOR, own.tree.depth, at.node_index, 0, byte_len, root)
        if chunk:
            return self._at_chunk(inside, opened, chunk)
        depth = own.tree.depth
        below = self._below(at.node_index, depth, 0, all_children(depth, children))
        return _down(below._replace(byte_len=byte_len, root=root))

    def _below(self, j: int, levels: int, index: int, children: Sequence[bytes]) -> Path:
        own = self.execution.outputs[j].tree.children(levels, index, levels_down(levels))
        wrong = _first_difference(children, own)
        if wrong is None:
            raise ValueError("the claimant's tensor is the same as ours")
        return Path(
            tensor_index=wrong,
            tensor_node=children[wrong],
            tensor_branch=_branch_among(children, wrong),
        )

    def _at_chunk(self, at: Position, path: Path, chunk: bytes) -> Move:
        own = self.execution.outputs[at.node_index].leaf(at.place)
        wrong = _first_difference(chunk, own)
        if wrong is None:
            raise ValueError("the claimant's chunk is the same as ours")
        width = 1 << (self.execution.nodes[at.node_index].out_code & 3)
        byte_index = wrong - wrong % width
        down = path._replace(chunk=chunk, byte_index=byte_index)
        arrived = at._replace(stage=ELEMENT, place=at.place * LEAF_BYTES + byte_index)
        if needs_partials(self.execution, arrived):
            return Move("pick", down)
        return Move("prove", down, self._proof(arrived, ()))

    def _proof(self, at: Position, partials: Sequence[int]) -> Evidence:
        j, node = at.node_index, self.execution.nodes[at.node_index]
        if at.place >= node.byte_len:
            return _described(self.execution, j)
        e = at.place >> (node.out_code & 3)
        k = self._wrong_block(j, e, partials) if partials or node.blocks > 1 else 0
        seen = Disputed(self.execution, self.claimed)
        proof = _described(self.execution, j)._replace(block=k, partials=list(partials))
        if k == node.blocks or node.blocks == 1:
            proof = proof._replace(p=param_opening(seen, j, runs.channel(node, e)))
        if k == node.blocks:
            return proof
        a, b = (operand_opening(seen, side, j, e, k) for side in (Side.A, Side.B))
        return proof._replace(a=a, b=b)

    def _wrong_block(self, j: int, e: int, partials: Sequence[int]) -> int:
        """The first whose value is not what was stated; the number of blocks when only what they
        make is wrong. Of too many or too few values nothing more needs to be shown."""
        right = self.execution.block_values(j, e)
        if len(partials) != len(right):
            return len(right)
        wrong = _first_difference(partials, right)
        return len(right) if wrong is None else wrong


class Disputed(Execution):
    """The challenger's execution, opened in the claimant's trace tree."""

    def __init__(self, own: Execution, claimed: Overlay) -> None:
        super().__init__(own.nodes, own.given, own.weights, own.outputs)
        object.__setattr__(self, "trace", claimed)


def _down(path: Path) -> Move:
    """Into a tensor; a zero there is lost at once, for nothing hashes to it."""
    return Move("prove" if path.tensor_node == ZERO else "pick", path)


def _first_difference(theirs: Sequence[object], ours: Sequence[object]) -> int | None:
    pairs = enumerate(zip(theirs, ours, strict=True))
    return next((i for i, (their, our) in pairs if their != our), None)


def _branch_among(nodes: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings of one of 2 to 64 nodes up to the node above them all."""
    return Tree(nodes, ZERO).branch(index)
