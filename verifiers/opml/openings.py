# SPDX-License-Identifier: Apache-2.0
"""What a step contract is shown: the parts of committed tensors that one block reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from verifiers.opml import runs, total
from verifiers.opml.merkle import LEAF_BYTES, ZERO, Tensor, Tree
from verifiers.opml.program import Kind, Node, Op, program_tree
from verifiers.opml.runs import Place, Run, Side


class Opening(NamedTuple):
    """Part of one tensor, as the contracts take it.

    ``trace_branch`` leads from the tensor's commitment to the trace root (empty for input and
    weights), ``byte_len`` and ``root`` open the commitment, ``leaves`` is nothing, a leaf, or two
    that follow one another, and ``branches`` is ``Tree.span_branch`` of them.
    """

    trace_branch: list[bytes]
    byte_len: int
    root: bytes
    leaves: bytes
    branches: list[bytes]


class DescriptorOpening(NamedTuple):
    """The 448 bytes of a node and their branch in the program tree."""

    descriptor: bytes
    branch: list[bytes]


EMPTY = Opening([], 0, ZERO, b"", [])


@dataclass(frozen=True)
class Execution:
    """A program and what somebody says that it computed: one output for every node."""

    nodes: Sequence[Node]
    given: Tensor
    weights: Tensor
    outputs: Sequence[Tensor]

    @cached_property
    def program(self) -> Tree:
        return program_tree(self.nodes)

    @cached_property
    def trace(self) -> Tree:
        return Tree([output.commitment for output in self.outputs], ZERO)

    def tensor(self, kind: int, index: int) -> Tensor:
        """Of an operand's kind and index; for kinds 1 to 3."""
        if kind == Kind.TRACE:
            return self.outputs[index]
        return self.given if kind == Kind.INPUT else self.weights

    def reader(self, kind: int, index: int) -> bytes:
        """A ``total.Reader``."""
        return self.tensor(kind, index).data

    def element(self, j: int, e: int) -> int:
        """What element ``e`` of node ``j`` has to be, given the outputs before."""
        return total.element(self.nodes[j], j, e, self.reader)

    def block_values(self, j: int, e: int) -> list[int]:
        """Of all blocks of the element."""
        node = self.nodes[j]
        return [total.block_value(node, j, e, k, self.reader) for k in range(node.blocks)]


def operand_opening(execution: Execution, side: Side, j: int, e: int, k: int) -> Opening:
    """What block ``k`` of element ``e`` of node ``j`` reads of an operand.

    Empty when the operand refers to nothing or an axis is left; the commitment alone when the
    address is outside the tensor, or when a lookup reads nothing.
    """
    node = execution.nodes[j]
    operand, at = side.of(node), runs.place(node, e, k)
    if not runs.exists(operand, j) or runs.address(operand, at) is None:
        return EMPTY
    tensor = execution.tensor(operand.kind, operand.index)
    branch = execution.trace.branch(operand.index) if operand.kind == Kind.TRACE else []
    return _opened(tensor, _run(execution, side, j, at, len(tensor.data)), branch)


def param_opening(execution: Execution, j: int, c: int) -> Opening:
    """The record of channel ``c`` (``runs.channel``) in the weights; empty when there is none."""
    node, weights = execution.nodes[j], execution.weights
    if node.param_mode != 1:
        return EMPTY
    return _opened(weights, runs.record(node, c, len(weights.data)), [])


def descriptor_opening(execution: Execution, j: int) -> DescriptorOpening:
    return DescriptorOpening(execution.nodes[j].encode(), execution.program.branch(j))


def _run(execution: Execution, side: Side, j: int, at: Place, byte_len: int) -> Run | None:
    """The operand's run, for tables where they are finally read."""
    node = execution.nodes[j]
    offset: int | None = 0
    if side is Side.B and node.opcode in (Op.LUT, Op.GATHER):
        offset = total.table_offset(node, j, at, execution.reader)
    return None if offset is None else runs.run(node, j, side, at, byte_len, offset)


def _opened(tensor: Tensor, run: Run | None, trace_branch: list[bytes]) -> Opening:
    leaves, branches = b"", list[bytes]()
    if run is not None:
        first, last = run.start // LEAF_BYTES, (run.start + run.size - 1) // LEAF_BYTES
        leaves = b"".join(tensor.leaf(i) for i in range(first, last + 1))
        branches = tensor.tree.span_branch(first, last)
    return Opening(trace_branch, len(tensor.data), tensor.tree.root, leaves, branches)
