# SPDX-License-Identifier: Apache-2.0
"""The dearest thing to lie about: which element, and with which of its blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import NamedTuple

from benchmarks.opml.sparse import patched
from verifiers.opml import total
from verifiers.opml.adversaries.forging import forged_partials
from verifiers.opml.merkle import LEAF_BYTES, depth_of
from verifiers.opml.moves import levels_down
from verifiers.opml.openings import Execution, Opening, operand_opening, param_opening
from verifiers.opml.program import Header, Node
from verifiers.opml.runs import Side, channel

DRAWS = 24
# Gas, roughly: two moves of a round, and a word of calldata with what is done with it.
ROUND, WORD = 90_000, 700


class Target(NamedTuple):
    """Block ``k`` of element ``e`` of node ``j``."""

    j: int
    e: int
    k: int


@dataclass(frozen=True)
class Liar(Execution):
    """An execution with one wrong element, and block values that make it."""

    target: Target
    stated: tuple[int, ...]

    def block_values(self, j: int, e: int) -> list[int]:
        if (j, e) == self.target[:2]:
            return list(self.stated)
        return super().block_values(j, e)


def lied(execution: Execution, header: Header, target: Target) -> Liar:
    """Wrong in the element, and in the output's last byte; what lies between is left as it is."""
    j, e, _ = target
    node, outputs = execution.nodes[j], list(execution.outputs)
    value, stated = forged(execution, target)
    size = 1 << (node.out_code & 3)
    data = value.to_bytes(size, "little", signed=total.is_signed(node.out_code))
    outputs[j] = patched(outputs[j], e * size, data)
    if j != header.output_node:
        last = outputs[header.output_node]
        end = len(last.data) - 1
        outputs[header.output_node] = patched(last, end, bytes([last.data[end:][0] ^ 1]))
    parts = execution.nodes, execution.given, execution.weights, outputs
    return Liar(*parts, target=target, stated=stated)


def forged(execution: Execution, target: Target) -> tuple[int, tuple[int, ...]]:
    """A wrong element, and the block values that make it with block ``k`` wrong."""
    j, e, k = target
    node, weights = execution.nodes[j], execution.weights.data
    values = execution.block_values(j, e)
    acc = total.combine(node, values)
    right = total.finish(node, e, acc, weights)
    for distance in (sign << i for i in range(40) for sign in (1, -1)):
        wrong = total.finish(node, e, acc + distance, weights)
        if wrong != right:
            # The first block is the one that is forged.
            stated = forged_partials(node, values[k:] + values[:k], e, wrong, weights)
            turn = len(values) - k
            return wrong, (*stated[turn:], *stated[:turn])
    raise ValueError(f"element {e} of node {j} is what it is whatever its blocks are")


def dearest(execution: Execution, count: int) -> list[Target]:
    """By an estimate, the dearest element of each of the ``count`` dearest nodes, dearest first."""
    best: list[tuple[int, Target]] = []
    for j, node in enumerate(execution.nodes):
        found = (
            scored for scored in ranked(execution, j, node) if _can_be_forged(execution, scored[1])
        )
        best += islice(found, 1)
    return [target for _, target in sorted(best, reverse=True)[:count]]


def ranked(execution: Execution, j: int, node: Node) -> list[tuple[int, Target]]:
    """Some elements of a node, each with some blocks, dearest first."""
    count, rng = node.byte_len >> (node.out_code & 3), Random(j)
    elements = {0, count // 2, count - 1} | {rng.randrange(count) for _ in range(DRAWS)}
    blocks = {0, node.blocks // 2, node.blocks - 1}
    found = [Target(j, e, k) for e in elements for k in blocks]
    return sorted(((estimate(execution, target), target) for target in found), reverse=True)


def estimate(execution: Execution, target: Target) -> int:
    """Gas that depends on the element."""
    j, e, k = target
    node = execution.nodes[j]
    shown = [operand_opening(execution, side, j, e, k) for side in Side]
    shown.append(param_opening(execution, j, channel(node, e)))
    stated = 2 * node.blocks if node.blocks > 1 else 0
    rounds = hops(depth_of(-(-node.byte_len // LEAF_BYTES))) + (node.blocks > 1)
    return ROUND * rounds + WORD * (_words(shown) + stated)


def hops(levels: int) -> int:
    """How many answers a tree of so many levels takes."""
    count = 1
    while levels := levels - levels_down(levels):
        count += 1
    return count


def _words(shown: Iterable[Opening]) -> int:
    return sum(len(o.trace_branch) + len(o.branches) + len(o.leaves) // 32 for o in shown)


def _can_be_forged(execution: Execution, target: Target) -> bool:
    try:
        forged(execution, target)
    except ValueError:
        return False
    return True
