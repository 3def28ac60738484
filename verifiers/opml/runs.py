# SPDX-License-Identifier: Apache-2.0
"""Where a node reads: section 4 of the OPML profile, for arbitrary descriptors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from verifiers.opml.program import MAX_TENSOR_BYTES, Kind, Node, Op, Operand


class Side(Enum):
    """Which operand of a node."""

    A = "a"
    B = "b"

    def of(self, node: Node) -> Operand:
        return node.a if self is Side.A else node.b


@dataclass(frozen=True)
class Place:
    """What one block of one output element looks at: coordinates, taps (with t3), lanes."""

    coordinates: tuple[int, int, int, int]
    taps: tuple[int, int, int, int]
    position: int
    count: int


@dataclass(frozen=True)
class Run:
    """Elements that follow one another, all inside their tensor; ``start`` in bytes."""

    start: int
    count: int
    width: int

    @property
    def size(self) -> int:
        return self.count * self.width


def coordinates(node: Node, e: int) -> tuple[int, int, int, int]:
    """Of output element ``e``."""
    o0, o1, o2, o3 = node.dims
    return e // (o3 * o2 * o1) % o0, e // (o3 * o2) % o1, e // o3 % o2, e % o3


def place(node: Node, e: int, k: int) -> Place:
    """Block ``k`` of element ``e``; elementwise nodes have one block, of one element."""
    where = coordinates(node, e)
    if not node.is_reduction:
        return Place(where, (0, 0, 0, 0), 0, 1)
    tap, block = divmod(k, node.blocks_per_tap)
    _, t1, t2 = (max(size, 1) for size in node.taps)
    position = block * node.block_lanes
    count = min(node.block_lanes, node.lanes - position)
    return Place(where, (tap // (t2 * t1), tap // t2 % t1, tap % t2, 0), position, count)


def exists(operand: Operand, j: int) -> bool:
    """Whether the operand of node ``j`` refers to a tensor at all."""
    is_earlier = operand.kind == Kind.TRACE and operand.index < j
    return operand.kind in (Kind.INPUT, Kind.WEIGHTS) or is_earlier


def address(operand: Operand, at: Place) -> int | None:
    """The first element's index, which may lie outside the tensor; None when an axis is left."""
    total = operand.base + at.position
    for o, t, axis in zip(at.coordinates, at.taps, operand.axes, strict=True):
        s = o * axis.omul + t * axis.tmul + axis.off
        if not 0 <= s <= axis.last:
            return None
        total += s * axis.stride
    return total


def width(node: Node, operand: Operand) -> int:
    """Bytes of an element as the node reads it."""
    return 1 if node.opcode == Op.DOT else 1 << (operand.code & 3)


def run(node: Node, j: int, side: Side, at: Place, byte_len: int, offset: int = 0) -> Run | None:
    """The run ``offset`` elements after the operand's address, or None when absent."""
    operand = side.of(node)
    first = address(operand, at)
    if first is None or not exists(operand, j):
        return None
    first, size = first + offset, width(node, operand)
    inside = at.count >= 1 and first >= 0 and (first + at.count) * size <= byte_len
    inside = inside and byte_len <= MAX_TENSOR_BYTES
    return Run(first * size, at.count, size) if inside else None


def channel(node: Node, e: int) -> int:
    """Which record of parameters element ``e`` takes."""
    _, _, o2, o3 = coordinates(node, e)
    return o2 * node.dims[3] + o3


RECORD_BYTES = 16


def record(node: Node, c: int, byte_len: int) -> Run | None:
    """Channel ``c``'s record in the weights, or None when it is not wholly inside."""
    start = RECORD_BYTES * (node.param_base + c)
    if node.param_mode != 1 or start + RECORD_BYTES > byte_len:
        return None
    return Run(start, RECORD_BYTES, 1)
