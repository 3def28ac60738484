# SPDX-License-Identifier: Apache-2.0
"""How large an operator's numbers get: bounds on ``acc`` and on every partial sum in any order."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, prod

import numpy as np

from verifiers.opml import exact, runs
from verifiers.opml.exact import Array
from verifiers.opml.gather import View
from verifiers.opml.interval import Interval
from verifiers.opml.program import BLOCK, Kind, Node, Op
from verifiers.opml.reads import Read
from verifiers.opml.runs import Side

# Constants larger than this, in a block or in all, are bounded by their range.
MOST_IN_BLOCK = 1 << 24
MOST_LANES = 1 << 28


@dataclass(frozen=True)
class Bounds:
    """Arrays that broadcast to the output: ``acc`` lies between ``least`` and ``greatest``.

    ``reach`` bounds the absolute value of every partial result.
    """

    least: Array
    greatest: Array
    reach: Array

    @classmethod
    def same(cls, acc: Interval, reach: int) -> Bounds:
        """For all elements."""
        numbers = (acc.least, acc.greatest, max(reach, acc.peak))
        least, greatest, most = (np.full((1, 1, 1, 1), n, dtype=object) for n in numbers)
        return cls(least, greatest, most)


def bounds_of(node: Node, j: int, x: Read, y: Read, weights: bytes) -> Bounds:
    """Of node ``j`` with operands ``x`` and ``y``."""
    if node.opcode == Op.DOT:
        return _dot(node, j, x.centred, y.centred, weights)
    acc, reach = _interval(node, x, y)
    return Bounds.same(acc, reach)


def _interval(node: Node, a: Read, b: Read) -> tuple[Interval, int]:
    """Of ``acc``, and the reach, of all operators but DOT."""
    x, y = a.centred, b.centred
    match node.opcode:
        case Op.SUM:
            return x.scale(lanes_of(node)), x.peak * lanes_of(node)
        case Op.MAX:
            return x, x.peak
        case Op.ARGMAX:
            return Interval(0, BLOCK * node.blocks - 1), x.peak
        case Op.ADD:
            return x.scale(node.ma) + y.scale(node.mb), x.peak * abs(node.ma) + y.peak * abs(
                node.mb
            )
        case Op.MUL:
            return x * y, x.peak * y.peak
        case Op.DIV:
            return _quotient(x.scale(node.ma), y)
        case Op.SQRT:
            return Interval(isqrt(max(x.least, 0)), isqrt(max(x.greatest, 0))), x.peak
        case Op.MOVE:
            return _moved(node, a, b)
    return _looked_up(node, a, y)


def lanes_of(node: Node) -> int:
    """Lanes of all taps of a reduction."""
    return node.lanes * prod(max(size, 1) for size in node.taps)


def _quotient(x: Interval, y: Interval) -> tuple[Interval, int]:
    """Rounded; 0 where ``y`` is not positive."""
    if y.greatest <= 0:
        return Interval(0, 0), x.peak
    # x / y + 1/2 and x / y + 1/2 - 1/(2y), between which the quotient lies, are monotone in y.
    divisors = (max(y.least, 1), y.greatest)
    least = min((2 * x.least - 1 + d) // (2 * d) for d in divisors)
    greatest = max((2 * x.greatest + d) // (2 * d) for d in divisors)
    acc = Interval(least, greatest)
    return acc.hull(0) if y.least <= 0 else acc, x.peak + y.greatest // 2


def _moved(node: Node, a: Read, b: Read) -> tuple[Interval, int]:
    moved = a.stored.shift(-node.a.zero).scale(node.ma)
    other = b.centred.scale(node.mb)
    acc = moved.hull(other.least, other.greatest) if a.is_padded else moved
    return acc, acc.peak


def _looked_up(node: Node, a: Read, y: Interval) -> tuple[Interval, int]:
    x = a.centred
    is_inside = not a.is_padded and x.least >= 0 and x.greatest < node.rows
    found = y if node.opcode == Op.LUT or is_inside else y.hull(0)
    # Whoever clips x first needs no more than that.
    return found, max(found.peak, min(x.peak, node.rows))


def _dot(node: Node, j: int, x: Interval, y: Interval, weights: bytes) -> Bounds:
    for side, other in ((Side.B, x), (Side.A, y)):
        if side.of(node).kind == Kind.WEIGHTS and _is_feasible(node, side):
            return _with_constants(node, j, side, other, weights)
    count = lanes_of(node)
    return Bounds.same((x * y).scale(count), x.peak * y.peak * count)


def _is_feasible(node: Node, side: Side) -> bool:
    """Whether an operand can be read whole, for all outputs that it distinguishes."""
    axes = zip(side.of(node).axes, node.dims, strict=True)
    outputs = prod(size for axis, size in axes if axis.omul)
    in_block = outputs * min(node.lanes, node.block_lanes)
    return in_block <= MOST_IN_BLOCK and outputs * lanes_of(node) <= MOST_LANES


def _with_constants(node: Node, j: int, side: Side, x: Interval, weights: bytes) -> Bounds:
    """A dot product with constants: by channel, from the constants themselves."""
    view = View.of(node, j, side, lambda kind, index: weights)
    ups, downs = [], []
    for k in range(node.blocks):
        values = view.centred(view.rows(runs.place(node, 0, k)))
        ups.append(np.maximum(values, 0).sum(axis=-1))
        downs.append(np.maximum(-values, 0).sum(axis=-1))
    up, down = exact.total(*ups), exact.total(*downs)
    greatest = exact.total(exact.scaled(up, x.greatest), exact.scaled(down, -x.least))
    least = exact.total(exact.scaled(up, x.least), exact.scaled(down, -x.greatest))
    return Bounds(least, greatest, exact.scaled(exact.total(up, down), x.peak))
