# SPDX-License-Identifier: Apache-2.0
"""Well-formed programs for property tests: layers over small matrices of rows and channels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from verifiers.opml.program import Axis, Kind, Node, Op, Operand

NOTHING = Axis()


@dataclass(frozen=True)
class Matrix:
    """A tensor that a later node may read."""

    kind: int
    index: int
    rows: int
    channels: int
    code: int

    def view(self, rows: Axis, channels: Axis = NOTHING, zero: int = 0, code: int = -1) -> Operand:
        axes = (NOTHING, NOTHING, rows, channels)
        code = self.code if code < 0 else code
        return Operand(self.kind, code, self.index, zero, axes=axes)

    def each(self, zero: int = 0) -> Operand:
        """Element by element."""
        return self.view(self.row_axis(), Axis(1, 0, 0, self.channels - 1, 1), zero)

    def row_axis(self, step: int = 1, taps: int = 0, off: int = 0) -> Axis:
        return Axis(step, taps, off, self.rows - 1, self.channels)


@dataclass
class Program:
    """Nodes and weights; ``matrices`` are the input and every node's output."""

    nodes: list[Node]
    weights: bytearray
    matrices: list[Matrix]
    given: bytes = b""

    def constants(self, data: bytes, code: int = 0, **view: Axis) -> Operand:
        """Append to the weights, aligned; the operand that reads them."""
        base = len(self.weights)
        self.weights += data.ljust(-(-len(data) // 16) * 16, b"\0")
        axes = (NOTHING, view.get("o1", NOTHING), NOTHING, view.get("o3", NOTHING))
        return Operand(Kind.WEIGHTS, code, base=base >> code, zero=128, axes=axes)


@dataclass(frozen=True)
class Draw:
    """A hypothesis draw with the program that is being built."""

    draw: st.DrawFn
    program: Program
    source: Matrix

    def number(self, least: int, greatest: int) -> int:
        return self.draw(st.integers(least, greatest))

    def data(self, size: int) -> bytes:
        return self.draw(st.binary(min_size=size, max_size=size))


def dot(d: Draw) -> Node:
    """A convolution over rows, padded or not."""
    x, kernel, filters = d.source, d.number(1, 3), d.number(1, 4)
    pad, step = d.number(0, kernel - 1), d.number(1, 2)
    rows = max((x.rows + 2 * pad - kernel) // step + 1, 1)
    size = kernel * x.channels
    w = d.program.constants(
        d.data(filters * size),
        o1=Axis(0, 1, 0, kernel - 1, x.channels),
        o3=Axis(1, 0, 0, filters - 1, size),
    )
    records = b"".join(
        struct.pack("<qiI", d.number(-999, 999), d.number(-3, 3), d.number(0, 9))
        for _ in range(filters)
    )
    first = d.program.constants(records).base // 16
    return Node(
        Op.DOT,
        shape=(1, rows, 1, filters),
        taps=(1, kernel, 1),
        lanes=x.channels,
        param_mode=d.number(0, 1),
        param_base=first,
        a=Operand(
            x.kind, 0, x.index, d.number(0, 255),
            axes=(NOTHING, Axis(step, 1, -pad, x.rows - 1, x.channels << x.code), NOTHING, NOTHING),
        ),
        b=w,
    )  # fmt: skip


def product(d: Draw) -> Node:
    """A matrix by its own transpose."""
    x = d.source
    return Node(
        Op.DOT,
        shape=(1, 1, x.rows, x.rows),
        lanes=x.channels,
        a=x.view(Axis(1, 0, 0, x.rows - 1, x.channels), zero=d.number(0, 255), code=0),
        b=x.view(NOTHING, Axis(1, 0, 0, x.rows - 1, x.channels), zero=9, code=0),
    )


def reduction(d: Draw) -> Node:
    """Over the channels, or over windows of rows."""
    x, op = d.source, d.draw(st.sampled_from([Op.SUM, Op.MAX, Op.ARGMAX]))
    zero = d.number(-5, 255)
    if d.draw(st.booleans()):
        shape = (1, 1, x.rows, 1)
        return Node(op, shape=shape, lanes=x.channels, a=x.view(x.row_axis(), zero=zero))
    taps, pad = d.number(1, 3), d.number(0, 1)
    return Node(
        op,
        shape=(1, 1, x.rows, x.channels),
        taps=(1, 1, taps),
        lanes=1,
        a=x.view(x.row_axis(1, 1, -pad), Axis(1, 0, 0, x.channels - 1, 1), zero),
    )


def elementwise(d: Draw) -> Node:
    """With another matrix, a row's one number, or the matrix itself as the second operand."""
    x, op = d.source, d.draw(st.sampled_from([Op.ADD, Op.MUL, Op.DIV, Op.SQRT, Op.MOVE]))
    alike = [m for m in d.program.matrices if m.rows == x.rows and m.channels in (1, x.channels)]
    y = d.draw(st.sampled_from(alike))
    b = y.each(d.number(-9, 9)) if y.channels > 1 else y.view(y.row_axis(), zero=d.number(-9, 0))
    shape = (1, 1, x.rows, x.channels)
    factors = {name: d.number(-9, 300) for name in ("ma", "mb")}
    return Node(op, shape=shape, a=x.each(d.number(-5, 255)), b=b, **factors)


def padded_move(d: Draw) -> Node:
    """Rows of one matrix after those of another: each operand absent where the other is read."""
    x = d.source
    alike = [m for m in d.program.matrices if m.channels == x.channels]
    y = d.draw(st.sampled_from(alike))
    across = Axis(1, 0, 0, x.channels - 1, 1)
    a, b = x.view(x.row_axis(), across, d.number(0, 5)), y.view(y.row_axis(off=-x.rows), across)
    return Node(Op.MOVE, shape=(1, 1, x.rows + y.rows, x.channels), a=a, b=b, mb=d.number(-2, 9))


def lookup(d: Draw) -> Node:
    x, rows, code = d.source, d.number(1, 40), d.number(0, 3)
    width = d.number(1, 3)
    table = d.data((rows * width) << code)
    op = d.draw(st.sampled_from([Op.LUT, Op.GATHER]))
    b = d.program.constants(table, code)
    zero = d.number(-5, 255)
    shape = (1, 1, x.rows, x.channels)
    return Node(op, shape=shape, rows=rows, gstride=width, a=x.each(zero), b=b)


LAYERS: list[Callable[[Draw], Node]] = [
    dot, dot, product, reduction, reduction, elementwise, elementwise, padded_move, lookup,
]  # fmt: skip


@st.composite
def finishes(draw: st.DrawFn) -> dict[str, int]:
    """Code, multiplier, shift and clip of an output."""
    code = draw(st.sampled_from([0, 0, 0, 1, 2, 3]))
    span = st.integers(0, 1 << (7 * (code + 1)))
    low = draw(span) if code < 2 else -draw(span)
    return {
        "out_code": code,
        "m": draw(st.sampled_from([1, 1, 1, 3, -2])),
        "bias": draw(st.integers(-1000, 1000)),
        "shift": draw(st.integers(0, 12)),
        "zo": draw(st.integers(-9, 255)),
        "lo": min(low, 200),
        "hi": low + draw(span),
    }


@st.composite
def programs(draw: st.DrawFn, most: int = 6) -> Program:
    """Up to ``most`` nodes, and an input for them."""
    rows, channels = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    code = draw(st.sampled_from([0, 0, 0, 1, 2]))
    first = Matrix(Kind.INPUT, 0, rows, channels, code)
    size = (rows * channels) << code
    given = draw(st.one_of(st.binary(min_size=size, max_size=size), st.just(b"\xff" * size)))
    program = Program([], bytearray(16), [first], given)
    for j in range(draw(st.integers(1, most))):
        source = draw(st.sampled_from(program.matrices[-3:]))
        layer = draw(st.sampled_from(LAYERS))
        node = layer(Draw(draw, program, source))
        node = Node(**{**vars(node), **draw(finishes())})
        program.nodes.append(node)
        matrix = Matrix(Kind.TRACE, j, max(node.dims[1:3]), node.dims[3], node.out_code)
        program.matrices.append(matrix)
    return program
