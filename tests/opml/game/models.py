# SPDX-License-Identifier: Apache-2.0
"""Small programs to play about: every operator, trees of more than one grid, nonsense nodes."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from functools import cache

from tests.opml.game.arena import Program
from verifiers.opml.program import Axis, Code, Kind, Node, Op, Operand
from verifiers.opml.reference import execute

GIVEN = bytes(random.Random(7).randbytes(700))
NOTHING = Axis()
# Nodes of ``mixed`` that tests name.
LINEAR, ADDED, TABLE, LARGE, SUMS, GREATEST, WINNER, LOOKED_UP, FORWARD, NONSENSE, LAST = (
    *range(10),
    69,
)
# Of the program that is one node.
ALONE = 0


@dataclass
class Weights:
    """Bytes that are appended to, each part aligned to a record."""

    data: bytearray = field(default_factory=bytearray)

    def put(self, part: bytes) -> int:
        """Where the part begins."""
        self.data += bytes(-len(self.data) % 16)
        start = len(self.data)
        self.data += part
        return start


@cache
def mixed() -> Program:
    """Seventy nodes over 700 bytes: the trees of the trace and of one tensor have seven levels."""
    weights = Weights()
    nodes = [
        _linear(weights, Operand(Kind.INPUT, zero=128), 700, 8),
        _small(Op.ADD, 8, 0, other=0, ma=3, mb=-1),
        _small(Op.LUT, 8, 1, rows=256, b=_table(weights)),
        _large(),
        _column_sums(),
        _row_maxima(),
        _winner(),
        _small(Op.GATHER, 1, 6, code=Code.U16, rows=8, gstride=97, b=Operand(Kind.TRACE, index=3)),
        # Reads what does not exist yet, and nothing that a program should have.
        _small(Op.ADD, 4, 15, other=0),
        Node(200, 77, 1, 255, shape=(0, 0, 2, 3), param_base=2**47, lanes=2**31, hi=9),
    ]
    nodes += [_small(Op.ADD, 8, j - 8, other=1, zo=j) for j in range(10, LAST)]
    nodes.append(_linear(weights, Operand(Kind.TRACE, index=LAST - 1), 8, 10))
    return Program(nodes, bytes(weights.data), len(GIVEN), _run)


@cache
def alone() -> Program:
    """One node: the trace is a leaf, which is its own root."""
    weights = Weights()
    node = _linear(weights, Operand(Kind.INPUT, zero=128), 700, 10)
    return Program([node], bytes(weights.data), len(GIVEN), _run)


def _run(program: Program, given: bytes) -> list[bytes]:
    return execute(program.nodes, program.weights, given)


def _linear(weights: Weights, a: Operand, lanes: int, outputs: int) -> Node:
    rng = random.Random(lanes)
    rows = Axis(1, 0, 0, outputs - 1, lanes)
    base = weights.put(rng.randbytes(lanes * outputs))
    records = [struct.pack("<qiI", rng.randrange(9_999), 1 + c % 2, 9) for c in range(outputs)]
    return Node(
        Op.DOT,
        param_mode=1,
        lanes=lanes,
        zo=128,
        shape=(1, 1, 1, outputs),
        param_base=weights.put(b"".join(records)) // 16,
        a=a,
        b=Operand(Kind.WEIGHTS, zero=128, base=base, axes=(NOTHING, NOTHING, NOTHING, rows)),
    )


def _each(index: int, size: int, code: int = Code.U8) -> Operand:
    axes = (NOTHING, NOTHING, NOTHING, Axis(1, 0, 0, size - 1, 1))
    return Operand(Kind.TRACE, code, index, axes=axes)


def _small(op: Op, size: int, index: int, other: int = -1, code: int = 0, **more: int) -> Node:
    sides = {"a": _each(index, size, code)}
    if other >= 0:
        sides["b"] = _each(other, size)
    return Node(op, shape=(1, 1, 1, size), **(sides | more))  # type: ignore[arg-type]


def _table(weights: Weights) -> Operand:
    return Operand(Kind.WEIGHTS, base=weights.put(random.Random(3).randbytes(256)))


def _large() -> Node:
    """17,600 bytes, 69 leaves: the input seen through a window of 80 that moves by 2."""
    axes = (NOTHING, NOTHING, Axis(1, 0, 0, 219, 2), Axis(1, 0, 0, 79, 1))
    return Node(Op.MOVE, shape=(1, 1, 220, 80), a=Operand(Kind.INPUT, axes=axes))


def _column_sums() -> Node:
    """i32, in 120 blocks of one lane."""
    axes = (Axis(0, 1, 0, 219, 80), NOTHING, NOTHING, Axis(1, 0, 0, 79, 1))
    a = Operand(Kind.TRACE, index=LARGE, axes=axes)
    shape, taps, lowest = (1, 1, 1, 80), (120, 1, 1), -(2**31)
    return Node(Op.SUM, Code.I32, lanes=1, lo=lowest, hi=2**31, shape=shape, taps=taps, a=a)


def _row_maxima() -> Node:
    axes = (NOTHING, NOTHING, NOTHING, Axis(1, 0, 0, 69, 80))
    a = Operand(Kind.TRACE, index=LARGE, axes=axes)
    return Node(Op.MAX, lanes=80, shape=(1, 1, 1, 70), a=a)


def _winner() -> Node:
    return Node(Op.ARGMAX, Code.U16, lanes=70, hi=2**16, a=Operand(Kind.TRACE, index=GREATEST))
