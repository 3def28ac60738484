# SPDX-License-Identifier: Apache-2.0
"""Lying workers for a market: each claims a wrong answer, and lies about how it came to it.

A watcher disputes wrong answers only, so every lie of the zoo comes with one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml.adversaries.forging import with_output, with_trace
from verifiers.opml.adversaries.liars import LIARS
from verifiers.opml.adversaries.players import (
    Claimant,
    Claiming,
    Lying,
    Unmade,
    Withholding,
    changed,
)
from verifiers.opml.gather import DTYPES
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import ELEMENT, TENSOR, TRACE, Move
from verifiers.opml.openings import Execution
from verifiers.opml.program import Kind, Op
from verifiers.opml.reference import execute


@dataclass(frozen=True)
class Liar:
    """A lying worker. ``stalls``: it answers at the last moment; ``by_time``: it can't answer, or
    won't, so that its clock runs out."""

    claimant: Callable[[Execution], Claimant]
    stalls: bool = False
    by_time: bool = False


@dataclass(frozen=True)
class Forging(Lying):
    """Publishes another leaf than the one that it was asked about."""

    def answer(self, at: Position) -> Move | None:
        honest = super().answer(at)
        if honest is None or honest.name != "answer_chunk":
            return honest
        (chunk,) = honest.args
        assert isinstance(chunk, bytes)
        return honest._replace(args=(chunk[::-1],))


def misread(truth: Execution) -> Execution:
    """The least likely answer gets the most likely one's score."""
    last = len(truth.nodes) - 1
    values = np.frombuffer(truth.outputs[last].data, DTYPES[truth.nodes[last].out_code & 3]).copy()
    low, high = int(values.argmin()), int(values.argmax())
    values[[low, high]] = values[[high, low]]
    return with_output(truth, last, Tensor(values.tobytes()))


def wrong_output(truth: Execution) -> Claimant:
    """Its trace is right, its claim is not."""
    return Claiming(truth, misread(truth).outputs[-1].data)


def wrong_element(truth: Execution) -> Claimant:
    """One byte in the middle of an elementwise node."""
    j = next(j for j, node in enumerate(truth.nodes) if not node.is_reduction)
    return Lying(changed(misread(truth), j, len(truth.outputs[j].data) // 2))


def wrong_node(truth: Execution) -> Claimant:
    """All of the first node, and what the others make of it."""
    first = Tensor(bytes(255 - byte for byte in truth.outputs[0].data))
    return Lying(with_output(misread(truth), 0, first))


def wrong_partial_sum(truth: Execution) -> Claimant:
    """The lie is in an element of several blocks, whose values it makes up."""
    return Lying(misread(truth))


def unmade_element(truth: Execution) -> Claimant:
    """States the true values of an element of several blocks, which make another."""
    return Unmade(misread(truth))


def too_few_blocks(truth: Execution) -> Claimant:
    return Unmade(misread(truth), left_out=1)


def wrong_table(truth: Execution) -> Claimant:
    """It looks up in another table."""
    node = next(node for node in truth.nodes if node.opcode == Op.LUT)
    first = node.b.base << (node.b.code & 3)
    end = first + (node.rows << (node.b.code & 3))
    weights = truth.weights.data
    table = bytes(255 - byte for byte in weights[first:end])
    other = replace(truth, weights=Tensor(weights[:first] + table + weights[end:]))
    return Lying(_after(truth, _run(other)))


def wrong_index_map(truth: Execution) -> Claimant:
    """A node reads one element further than its descriptor says."""
    j = next(j for j, node in enumerate(truth.nodes) if node.a.kind == Kind.TRACE)
    nodes = list(truth.nodes)
    nodes[j] = replace(nodes[j], a=replace(nodes[j].a, base=nodes[j].a.base + 1))
    return Lying(_after(truth, _run(replace(truth, nodes=nodes))))


def padding_leaf(truth: Execution) -> Claimant:
    """Its trace has a node more than the program, and is right but for that; its claim is not."""
    longer = with_trace(truth, {(0, len(truth.nodes)): truth.outputs[0].commitment})
    return Claiming(longer, misread(truth).outputs[-1].data)


def silent(stage: int, at_begin: bool = False) -> Callable[[Execution], Claimant]:
    """Says nothing when asked at this stage."""
    return lambda truth: Withholding(wrong_element_of(truth, stage), stage, at_begin)


def wrong_element_of(truth: Execution, stage: int) -> Execution:
    """A lie that leads through the stage: an element of several blocks, or a large tensor."""
    if stage == ELEMENT:
        return misread(truth)
    return changed(misread(truth), 1, len(truth.outputs[1].data) // 2)


def _run(other: Execution) -> Execution:
    outputs = execute(other.nodes, other.weights.data, other.given.data)
    return replace(other, outputs=[Tensor(output) for output in outputs])


def _after(truth: Execution, other: Execution) -> Execution:
    """The model's program and weights, with what another made of them; a wrong answer anyway."""
    ran = replace(truth, outputs=other.outputs)
    return misread(ran) if other.outputs[-1] == truth.outputs[-1] else ran


def _besides(name: str, by_time: bool = False) -> Liar:
    """A lie of the zoo beside a wrong answer."""
    return Liar(lambda truth: LIARS[name](misread(truth)), by_time=by_time)


def _silent(stage: int, at_begin: bool = False) -> Liar:
    return Liar(silent(stage, at_begin), by_time=True)


# Whose hashes stand for nothing that they could show.
_HOLLOW = (
    "garbage-tree",
    "random-leaf",
    "short-chunk",
    "short-tensor",
    "empty-chunk",
    "leaf-of-another-kind",
    "leaf-of-an-inner-node",
    "chunk-of-another-kind",
    "too-large",
)
_PROVED = (
    "wrong-byte-len",
    "padding-byte",
    "padding-chunk",
    "missing-leaf",
    "zero-branch",
    "zero-chunk",
    "zero-part",
)
LYING_WORKERS: dict[str, Liar] = {
    "wrong-output": Liar(wrong_output),
    "wrong-node": Liar(wrong_node),
    "wrong-element": Liar(wrong_element),
    "wrong-partial-sum": Liar(wrong_partial_sum),
    "unmade-element": Liar(unmade_element),
    "too-few-blocks": Liar(too_few_blocks),
    "wrong-table": Liar(wrong_table),
    "wrong-index-map": Liar(wrong_index_map),
    "foreign-tree": Liar(LIARS["other-program"]),
    "padding-leaf": Liar(padding_leaf),
    **{name: _besides(name) for name in _PROVED},
    **{name: _besides(name, by_time=True) for name in _HOLLOW},
    "forged-opening": Liar(lambda truth: Forging(wrong_element_of(truth, TENSOR)), by_time=True),
    "withhold": _silent(TRACE, at_begin=True),
    "withhold-in-trace": _silent(TRACE),
    "withhold-in-tensor": _silent(TENSOR),
    "withhold-at-element": _silent(ELEMENT),
    "stall": Liar(wrong_partial_sum, stalls=True),
}
