# SPDX-License-Identifier: Apache-2.0
"""Programs by layers, with descriptors as the compiler emits them, and room for weights."""

from __future__ import annotations

from typing import Any

from verifiers.opml.compiler.emit.geometry import NO_AXIS, Axes, counting, tapped
from verifiers.opml.merkle import LEAF_BYTES
from verifiers.opml.program import Axis, Code, Kind, Node, Op, Operand

RECORD_BYTES = 16
ZERO_POINT = 128
# Of a view's operand: strides of its first and second dimension.
Strides = tuple[int, int]


class Builder:
    """Layers append nodes and take room in the weights; each gives its node's index.

    Operands are indices of nodes; -1 is the input. Sizes and strides in elements.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.weights_bytes = 0
        self._constants: dict[str, int] = {}

    def add(self, node: Node, name: str = "") -> int:
        self.nodes.append(node)
        if name:
            self.names[len(self.nodes) - 1] = name
        return len(self.nodes) - 1

    def room(self, size: int) -> int:
        """Where the next ``size`` bytes of weights begin."""
        start = -(-self.weights_bytes // LEAF_BYTES) * LEAF_BYTES
        self.weights_bytes = start + size
        return start

    def of(self, x: int, axes: Axes) -> Operand:
        """A node's output, or the input."""
        if x < 0:
            return Operand(Kind.INPUT, zero=ZERO_POINT, axes=axes)
        code = self.nodes[x].out_code
        return Operand(Kind.TRACE, code, x, 0 if code else ZERO_POINT, axes=axes)

    # --- linear ---------------------------------------------------------------------------------

    def conv(
        self, x: int, image: tuple[int, int], out: int, kernel: int, name: str = "", stride: int = 1
    ) -> int:
        """Of a square image, given as (side, channels), padded by half a kernel."""
        side, lanes = image
        row = kernel * kernel * lanes
        taps = tapped(kernel, kernel * lanes), tapped(kernel, lanes)
        b = weights(self.room(out * row), (*taps, NO_AXIS, counting(out, row)))
        node = Node(
            Op.DOT,
            lanes=lanes,
            shape=(side // stride, side // stride, 1, out),
            taps=(kernel, kernel, 1),
            zo=ZERO_POINT,
            a=self.of(x, (*_windows(side, lanes, kernel, stride), NO_AXIS, NO_AXIS)),
            b=b,
            **self._records(out),
        )
        return self.add(node, name)

    def dense(
        self, x: int, rows: int, lanes: int, out: int, name: str = "", code: Code = Code.U8
    ) -> int:
        """``rows`` times ``lanes`` numbers by a matrix."""
        node = Node(
            Op.DOT,
            lanes=lanes,
            shape=(1, 1, rows, out),
            zo=1 << ((8 << code) - 1),
            a=self.of(x, (NO_AXIS, NO_AXIS, counting(rows, lanes), NO_AXIS)),
            b=weights(self.room(lanes * out), _last(counting(out, lanes))),
            **_range(code),
            **self._records(out),
        )
        return self.add(node, name)

    def product(
        self, x: int, y: int, shape: tuple[int, int, int], lanes: int, x_by: Strides, y_by: Strides,
        name: str,
    ) -> int:  # fmt: skip
        """Rows of x by rows of y, for each of the first of ``shape``."""
        batch, rows, columns = shape
        a = (NO_AXIS, counting(batch, x_by[0]), counting(rows, x_by[1]), NO_AXIS)
        b = (NO_AXIS, counting(batch, y_by[0]), NO_AXIS, counting(columns, y_by[1]))
        fields: dict[str, Any] = {"lanes": lanes, "zo": ZERO_POINT, "shift": 12}
        return self.add(
            Node(Op.DOT, shape=(1, *shape), a=self.of(x, a), b=self.of(y, b), **fields), name
        )

    # --- reductions -----------------------------------------------------------------------------

    def reduce(
        self, op: Op, x: int, rows: int, lanes: int, name: str = "", code: Code = Code.I32
    ) -> int:
        """Each of ``rows`` rows to one number."""
        a = self.of(x, _last(counting(rows, lanes)))
        return self.add(Node(op, lanes=lanes, shape=(1, 1, 1, rows), a=a, **_range(code)), name)

    def inner(self, x: int, rows: int, lanes: int, name: str) -> int:
        """Each row's sum of squares."""
        a = self.of(x, _last(counting(rows, lanes)))
        fields = _range(Code.I64)
        return self.add(Node(Op.DOT, lanes=lanes, shape=(1, 1, 1, rows), a=a, b=a, **fields), name)

    def pool(self, x: int, image: tuple[int, int], kernel: int, stride: int) -> int:
        """The greatest of each window of a square image."""
        side, channels = image
        where = (*_windows(side, channels, kernel, stride), NO_AXIS, counting(channels, 1))
        shape = (side // stride, side // stride, 1, channels)
        taps = (kernel, kernel, 1)
        return self.add(Node(Op.MAX, lanes=1, shape=shape, taps=taps, a=self.of(x, where)))

    # --- one operand ----------------------------------------------------------------------------

    def each(self, op: Op, x: int, count: int, code: Code) -> int:
        """Element by element; a quotient's dividend is a constant."""
        operand = self.of(x, _last(counting(count, 1)))
        one = Operand(Kind.WEIGHTS, Code.I32, base=self.room(4) // 4)
        a, b = (one, operand) if op == Op.DIV else (operand, Operand())
        return self.add(Node(op, shape=(1, 1, 1, count), a=a, b=b, **_range(code)))

    def move(self, x: int, shape: tuple[int, int, int], strides: tuple[int, int, int]) -> int:
        """A view, written out."""
        i, j, k = (counting(n, stride) for n, stride in zip(shape, strides, strict=True))
        return self.add(Node(Op.MOVE, shape=(1, *shape), a=self.of(x, (NO_AXIS, i, j, k))))

    def scaled(self, x: int, rows: int, channels: int) -> int:
        """By a factor and an offset for each channel."""
        a = self.of(x, (NO_AXIS, counting(rows, channels), NO_AXIS, counting(channels, 1)))
        records = self._records(channels)
        return self.add(Node(Op.MOVE, shape=(1, rows, 1, channels), a=a, **records))

    def table(self, x: int, count: int, code: Code = Code.U8) -> int:
        """A function of a byte."""
        a = self.of(x, _last(counting(count, 1)))
        b = Operand(Kind.WEIGHTS, code, base=self.room(256 << code) >> code)
        fields = _range(code)
        return self.add(Node(Op.LUT, shape=(1, 1, 1, count), rows=256, a=a, b=b, **fields))

    def embed(self, length: int, vocabulary: int, width: int) -> int:
        """A row of the weights for each token of the input."""
        ids = Operand(Kind.INPUT, Code.U16, axes=(NO_AXIS, NO_AXIS, counting(length, 1), NO_AXIS))
        b = weights(self.room(vocabulary * width), _last(counting(width, 1)))
        fields: dict[str, Any] = {"rows": vocabulary, "gstride": width}
        return self.add(Node(Op.GATHER, shape=(1, 1, length, width), a=ids, b=b, **fields))

    # --- two operands ---------------------------------------------------------------------------

    def pair(
        self, op: Op, x: int, y: int, rows: int, columns: int, code: Code = Code.U8,
        spread: bool = False,
    ) -> int:  # fmt: skip
        """Element by element; ``spread``: y has one number for each row."""
        along, down = counting(columns, 1), counting(rows, columns)
        a = self.of(x, (NO_AXIS, NO_AXIS, down, along))
        b = self.of(
            y, (NO_AXIS, NO_AXIS, *((counting(rows, 1), NO_AXIS) if spread else (down, along)))
        )
        return self.add(Node(op, shape=(1, 1, rows, columns), a=a, b=b, **_range(code)))

    def with_constant(
        self, op: Op, x: int, name: str, rows: int, columns: int, copies: int = 1
    ) -> int:
        """Element by element with numbers of the weights that have this name, for each copy."""
        if name not in self._constants:
            self._constants[name] = self.room(rows * columns)
        along = counting(rows, columns), counting(columns, 1)
        a = self.of(x, (NO_AXIS, counting(copies, rows * columns), *along))
        b = weights(self._constants[name], (NO_AXIS, NO_AXIS, *along))
        return self.add(Node(op, shape=(1, copies, rows, columns), a=a, b=b))

    def _records(self, channels: int) -> dict[str, Any]:
        return {"param_mode": 1, "param_base": self.room(RECORD_BYTES * channels) // RECORD_BYTES}


def weights(base: int, axes: Axes) -> Operand:
    return Operand(Kind.WEIGHTS, zero=ZERO_POINT, base=base, axes=axes)


def _windows(side: int, lanes: int, kernel: int, stride: int) -> tuple[Axis, Axis]:
    down, along = (
        Axis(stride, 1, -(kernel // 2), side - 1, step) for step in (side * lanes, lanes)
    )
    return down, along


def _last(axis: Axis) -> Axes:
    return NO_AXIS, NO_AXIS, NO_AXIS, axis


def _range(code: Code) -> dict[str, Any]:
    """Everything that the code can hold."""
    bits = 8 << code
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if code > 1 else (0, (1 << bits) - 1)
    return {"out_code": code, "lo": low, "hi": high}
