# SPDX-License-Identifier: Apache-2.0
"""False commitments: trees and tensors that no execution has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from verifiers.opml import total
from verifiers.opml.merkle import ZERO, Tensor, Tree, commitment_of, inner_hash, leaf_hash
from verifiers.opml.openings import Execution
from verifiers.opml.program import Node, Op

# (level, index) -> the hash that is to stand there.
Splices = Mapping[tuple[int, int], bytes]


def spliced(tree: Tree, splices: Splices) -> Tree:
    """The tree with other hashes at some places, and what follows above them."""
    forged = Tree(tree.levels[0], ZERO)
    forged.levels = [list(row) for row in tree.levels]
    forged._fill = tree._fill
    for (level, index), node in splices.items():
        place, above = index, node
        for up in range(level, tree.depth + 1):
            row = forged.levels[up]
            row += [forged._fill[up]] * (place + 1 - len(row))
            row[place] = above
            left, right = forged.node(up, place & ~1), forged.node(up, place | 1)
            place, above = place >> 1, inner_hash(left, right)
    return forged


@dataclass(frozen=True)
class ForgedTensor(Tensor):
    """A tensor whose tree says something else than its bytes."""

    chunks: Mapping[int, bytes] = field(default_factory=dict)
    splices: Splices = field(default_factory=dict)

    @cached_property
    def tree(self) -> Tree:
        leaves = {(0, i): leaf_hash(chunk) for i, chunk in self.chunks.items()}
        return spliced(Tensor(self.data).tree, leaves | dict(self.splices))

    @cached_property
    def commitment(self) -> bytes:
        return commitment_of(len(self.data), self.tree.root)

    def leaf(self, index: int) -> bytes:
        return self.chunks.get(index, super().leaf(index))


@dataclass(frozen=True)
class ForgedExecution(Execution):
    """An execution whose trace says something else than its outputs."""

    splices: Splices = field(default_factory=dict)

    @cached_property
    def trace(self) -> Tree:
        leaves = Tree([output.commitment for output in self.outputs], ZERO)
        return spliced(leaves, self.splices)


def with_trace(execution: Execution, splices: Splices) -> ForgedExecution:
    parts = execution.nodes, execution.given, execution.weights, execution.outputs
    return ForgedExecution(*parts, splices=splices)


def with_output(execution: Execution, j: int, output: Tensor) -> Execution:
    """The execution with another output of node ``j``; later nodes are left as they are."""
    outputs = list(execution.outputs)
    outputs[j] = output
    return replace(execution, outputs=outputs)


def forged_partials(
    node: Node, values: list[int], e: int, claimed: int, weights: bytes
) -> list[int]:
    """Block values as near the true ones as may be that make the claimed element.

    Raises ValueError when none do.
    """
    bias, m, shift = total.parameters(node, e, weights)
    wanted = -(-(((claimed - node.zo) << (shift % 64)) - bias) // (m or 1))
    forged = _with_acc(node, values, wanted)
    if total.finish(node, e, total.combine(node, forged), weights) != claimed:
        raise ValueError("no block values make the element")
    return forged


def _with_acc(node: Node, values: list[int], acc: int) -> list[int]:
    if node.opcode == Op.MAX:
        return [acc, *(min(value, acc) for value in values[1:])]
    if node.opcode == Op.ARGMAX:
        return [(max(values) | total.LANE_MASK) + 1 + total.LANE_MASK - acc, *values[1:]]
    return [values[0] + acc - sum(values), *values[1:]]
