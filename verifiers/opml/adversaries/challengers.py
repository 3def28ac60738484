# SPDX-License-Identifier: Apache-2.0
"""Challengers that know no chain: what each does about an answer, and proofs of what is right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml import moves, runs
from verifiers.opml.merkle import LEAF_BYTES, ZERO
from verifiers.opml.moves import ELEMENT, NAMED, TENSOR, TRACE, Challenge, Evidence, Move, Path
from verifiers.opml.named import after_statement, path_to
from verifiers.opml.openings import (
    Execution,
    descriptor_opening,
    operand_opening,
    param_opening,
)
from verifiers.opml.program import Op
from verifiers.opml.runs import Side
from verifiers.opml.words import from_bytes


class Challenger(Protocol):
    """Plays one game."""

    def move(self, at: Position, published: bytes) -> Move | None:
        """``published`` is the data of the Answered event. None: nothing."""


@dataclass
class Honest:
    """Goes to the leftmost difference; moves nothing when there is none."""

    challenge: Challenge

    def move(self, at: Position, published: bytes) -> Move | None:
        try:
            return self.challenge.next_move(at, published)
        except ValueError:
            return None


@dataclass
class Supposing:
    """Named an element of a trace that it knows, or thinks so: honest from there on."""

    challenge: Challenge
    supposed: Execution

    def move(self, at: Position, published: bytes) -> Move | None:
        if at.stage == NAMED:
            return after_statement(self.challenge, self.supposed, at, published)
        return Honest(self.challenge).move(at, published)


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
        if at.stage == NAMED:
            return Move("pick")
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


def false_proof(truth: Execution, j: int, at: int, **forged: Any) -> Move:
    """A proof about a byte of node ``j`` from the game's begin; the evidence may be forged.

    Node ``j`` is elementwise or of one block.
    """
    evidence = block_evidence(truth, j, at >> (truth.nodes[j].out_code & 3), 0, ())
    return Move("prove", path_to(truth, j, at), evidence._replace(**forged))


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
    node = truth.nodes[at.node_index]
    forged = truth.block_values(at.node_index, at.place >> (node.out_code & 3))
    if node.opcode == Op.MAX:
        forged[forged.index(min(forged))] -= 1
    else:
        forged[:2] = [forged[0] + 1, forged[1] - 1]
    if at.stage == NAMED:
        return Move("state", args=(moves.seal(truth.trace.root), forged))
    return Move("answer_partials", args=(forged,))
