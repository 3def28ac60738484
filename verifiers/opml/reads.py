# SPDX-License-Identifier: Apache-2.0
"""What a node's operands hold at the most; refuses reads that nobody can mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifiers.opml import runs, total
from verifiers.opml.errors import AbsentRunError, ReferenceRefusedError
from verifiers.opml.extent import Extent, extent_of
from verifiers.opml.gather import DTYPES
from verifiers.opml.interval import Interval
from verifiers.opml.program import Kind, Node, Op, Operand
from verifiers.opml.runs import Side

TABLES = (Op.LUT, Op.GATHER)
NEEDS_B = (Op.DOT, Op.MUL, Op.DIV, *TABLES)
TAKES_B = (*NEEDS_B, Op.ADD, Op.MOVE)


@dataclass(frozen=True)
class Known:
    """What is known before node ``len(ranges)``: the nodes, their ranges, weights, input size."""

    nodes: Sequence[Node]
    ranges: list[Interval]
    weights: bytes
    input_bytes: int

    def byte_len(self, operand: Operand) -> int:
        if operand.kind == Kind.TRACE:
            return self.nodes[operand.index].byte_len
        return self.input_bytes if operand.kind == Kind.INPUT else len(self.weights)


@dataclass(frozen=True)
class Read:
    """An operand: its elements as stored, and less its zero, with 0 where it can be absent."""

    stored: Interval
    centred: Interval
    is_padded: bool


ABSENT = Read(Interval(0, 0), Interval(0, 0), True)


def first_read(known: Known, j: int) -> Read:
    """Operand A of node ``j``."""
    return _read(known, j, Side.A, Interval(0, 0))


def second_read(known: Known, j: int, x: Read) -> Read:
    """Operand B of node ``j``, when ``x`` is its operand A."""
    node = known.nodes[j]
    if node.opcode not in TAKES_B or (node.opcode not in NEEDS_B and node.b.kind == Kind.NONE):
        return ABSENT
    rows = table_rows(node, x.centred) if node.opcode in TABLES else Interval(0, 0)
    if rows is None:
        raise AbsentRunError(j, "its table is never read")
    return _read(known, j, Side.B, rows.scale(node.gstride if node.opcode == Op.GATHER else 1))


def table_rows(node: Node, x: Interval) -> Interval | None:
    """The rows that LUT and GATHER read for ``x``; None when there are none."""
    if not node.rows:
        return None
    if node.opcode == Op.LUT:
        return x.clip(0, node.rows - 1)
    rows = Interval(max(x.least, 0), min(x.greatest, node.rows - 1))
    return rows if rows.least <= rows.greatest else None


def _read(known: Known, j: int, side: Side, shift: Interval) -> Read:
    node = known.nodes[j]
    operand = side.of(node)
    if not runs.exists(operand, j):
        raise ReferenceRefusedError(j, f"operand {side.value} refers to nothing before it")
    extent = _checked_extent(known, j, side, shift)
    stored = _stored(known, node, operand, extent, shift)
    centred = stored.shift(-operand.zero)
    return Read(stored, centred.hull(0) if extent.is_padded else centred, extent.is_padded)


def _checked_extent(known: Known, j: int, side: Side, shift: Interval) -> Extent:
    """Refuses addresses outside of the tensor."""
    node = known.nodes[j]
    operand = side.of(node)
    extent = extent_of(node, operand)
    if extent is None:
        raise AbsentRunError(j, f"operand {side.value} is nothing but padding")
    count = known.byte_len(operand) // runs.width(node, operand)
    first, last = extent.first + shift.least, extent.last + shift.greatest + _lanes(node) - 1
    if first < 0 or last >= count:
        raise AbsentRunError(j, f"operand {side.value} reads elements {first} to {last} of {count}")
    if node.opcode in (Op.MAX, Op.ARGMAX) and not extent.is_covered:
        raise AbsentRunError(j, f"some outputs read only padding of operand {side.value}")
    return extent


def _lanes(node: Node) -> int:
    return node.lanes if node.is_reduction else 1


def _stored(
    known: Known, node: Node, operand: Operand, extent: Extent, shift: Interval
) -> Interval:
    """The range of the elements as stored."""
    code = 0 if node.opcode == Op.DOT else operand.code & 3
    if operand.kind == Kind.TRACE and known.nodes[operand.index].out_code & 3 == code:
        return known.ranges[operand.index]
    if operand.kind != Kind.WEIGHTS:
        return Interval(*total.bounds(code))
    elements = np.frombuffer(known.weights, DTYPES[code], count=len(known.weights) >> code)
    last = extent.last + shift.greatest + _lanes(node)
    part = elements[extent.first + shift.least : last]
    return Interval(int(part.min()), int(part.max()))
