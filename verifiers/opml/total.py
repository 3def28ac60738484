# SPDX-License-Identifier: Apache-2.0
"""The total semantics, element by element: section 5 of the OPML profile.

Python integers over arbitrary descriptors: slow, and the truth that everything else is held to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt

from verifiers.opml import runs
from verifiers.opml.program import BLOCK, Code, Kind, Node, Op, Operand
from verifiers.opml.runs import Place, Run, Side

# The bytes of (kind, index); index is 0 for input and weights.
Reader = Callable[[int, int], bytes]

LEAST = -(1 << 63)
LANE_MASK = (1 << 32) - 1


def element(node: Node, j: int, e: int, reader: Reader) -> int:
    """Element ``e`` of node ``j``; 0 after the end of the tensor."""
    if e >= node.byte_len >> (node.out_code & 3):
        return 0
    values = [block_value(node, j, e, k, reader) for k in range(node.blocks)]
    return finish(node, e, combine(node, values), reader(Kind.WEIGHTS, 0))


def tensor(node: Node, j: int, reader: Reader) -> bytes:
    """All of node ``j``'s output."""
    size = 1 << (node.out_code & 3)
    signed = is_signed(node.out_code)
    return b"".join(
        element(node, j, e, reader).to_bytes(size, "little", signed=signed)
        for e in range(node.byte_len // size)
    )


def block_value(node: Node, j: int, e: int, k: int, reader: Reader) -> int:
    """Block ``k`` of element ``e``; for elementwise nodes, whose only block is 0, the ``acc``."""
    at = runs.place(node, e, k)
    if node.is_reduction:
        return _reduction(node, j, at, k, reader)
    return _elementwise(node, j, at, reader)


def combine(node: Node, values: Sequence[int]) -> int:
    """``acc`` from the values of all blocks, in order."""
    if node.opcode == Op.MAX:
        return max(values)
    if node.opcode == Op.ARGMAX:
        return LANE_MASK - (max(values) & LANE_MASK)
    return sum(values)


def finish(node: Node, e: int, acc: int, weights: bytes) -> int:
    """The element that ``acc`` becomes."""
    bias, m, shift = parameters(node, e, weights)
    value = ((acc * m + bias) >> (shift % 64)) + node.zo
    return saturate(min(max(value, node.lo), node.hi), node.out_code)


def parameters(node: Node, e: int, weights: bytes) -> tuple[int, int, int]:
    """``(b, m, s)`` of element ``e``."""
    if node.param_mode != 1:
        return node.bias, node.m, node.shift
    found = runs.record(node, runs.channel(node, e), len(weights))
    if found is None:
        return 0, 0, 0
    data = weights[found.start : found.start + found.size]
    return (
        int.from_bytes(data[:8], "little", signed=True),
        int.from_bytes(data[8:12], "little", signed=True),
        int.from_bytes(data[12:], "little"),
    )


def is_signed(code: int) -> bool:
    return code & 3 >= Code.I32


def bounds(code: int) -> tuple[int, int]:
    """The least and the greatest element of a code."""
    bits = 8 << (code & 3)
    if is_signed(code):
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def saturate(value: int, code: int) -> int:
    least, greatest = bounds(code)
    return min(max(value, least), greatest)


def _reduction(node: Node, j: int, at: Place, k: int, reader: Reader) -> int:
    a = _run(node, j, Side.A, at, reader)
    if node.opcode == Op.DOT:
        b = _run(node, j, Side.B, at, reader)
        return sum(x * y for x, y in zip(a, b, strict=True)) if a and b else 0
    if node.opcode == Op.SUM:
        return sum(a)
    if node.opcode == Op.MAX:
        return max(a, default=LEAST)
    ranked = (x * (LANE_MASK + 1) + LANE_MASK - (BLOCK * k + i) for i, x in enumerate(a))
    return max(ranked, default=LEAST)


def _elementwise(node: Node, j: int, at: Place, reader: Reader) -> int:
    if node.opcode in (Op.LUT, Op.GATHER):
        offset = table_offset(node, j, at, reader)
        found = [] if offset is None else _run(node, j, Side.B, at, reader, offset)
        return found[0] if found else 0
    a = _run(node, j, Side.A, at, reader)
    x, y = (a or [0])[0], (_run(node, j, Side.B, at, reader) or [0])[0]
    match node.opcode:
        case Op.ADD:
            return x * node.ma + y * node.mb
        case Op.MUL:
            return x * y
        case Op.DIV:
            return (x * node.ma + y // 2) // y if y > 0 else 0
        case Op.SQRT:
            return isqrt(max(x, 0))
        case Op.MOVE:
            return x * node.ma if a else y * node.mb
    return 0


def table_offset(node: Node, j: int, at: Place, reader: Reader) -> int | None:
    """How many elements after B's address LUT and GATHER read; None when they read nothing."""
    a = _run(node, j, Side.A, at, reader)
    if node.opcode == Op.LUT:
        return min(max(a[0] if a else 0, 0), node.rows - 1) if node.rows else None
    return a[0] * node.gstride if a and 0 <= a[0] < node.rows else None


def _run(node: Node, j: int, side: Side, at: Place, reader: Reader, offset: int = 0) -> list[int]:
    """The run's elements less the operand's zero; none when it is absent."""
    operand = side.of(node)
    if not runs.exists(operand, j):
        return []
    data = reader(operand.kind, operand.index if operand.kind == Kind.TRACE else 0)
    found = runs.run(node, j, side, at, len(data), offset)
    return [] if found is None else _elements(node, operand, found, data)


def _elements(node: Node, operand: Operand, found: Run, data: bytes) -> list[int]:
    signed = node.opcode != Op.DOT and is_signed(operand.code)
    cells = range(found.start, found.start + found.size, found.width)
    return [
        int.from_bytes(data[i : i + found.width], "little", signed=signed) - operand.zero
        for i in cells
    ]
