# SPDX-License-Identifier: Apache-2.0
"""The quantised graph: every operation makes one stored tensor, and is one node of the program.

Shapes are without the batch. A ``Value`` is what an operation reads: a view of a stored tensor, and
the ONNX steps that lead from the tensor to the same thing. Both the descriptors and the lowerings
are made from this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

import numpy as np

from verifiers.opml.compiler.graph import Array, Shape
from verifiers.opml.compiler.views import View
from verifiers.opml.program import Code, Kind

CODE_RANGE = {
    Code.U8: (0, 0xFF),
    Code.U16: (0, 0xFFFF),
    Code.I32: (-(1 << 31), (1 << 31) - 1),
    Code.I64: (-(1 << 63), (1 << 63) - 1),
}
DTYPE: dict[int, np.dtype[Any]] = {
    Code.U8: np.dtype("u1"),
    Code.U16: np.dtype("<u2"),
    Code.I32: np.dtype("<i4"),
    Code.I64: np.dtype("<i8"),
}


@dataclass(frozen=True)
class Quant:
    """An element stands for ``(element - zero) * scale``; elements lie in ``lo`` to ``hi``."""

    scale: float
    zero: int = 0
    code: Code = Code.U8
    lo: int = 0
    hi: int = 255

    @property
    def reach(self) -> int:
        """The greatest distance of an element from ``zero``."""
        return max(abs(self.lo - self.zero), abs(self.hi - self.zero))

    def real(self, elements: Array) -> Array:
        result: Array = (elements.astype(np.float64) - self.zero) * self.scale
        return result

    def element(self, reals: Array) -> Array:
        """The nearest elements, int64."""
        whole = np.floor(np.asarray(reals, np.float64) / self.scale + 0.5) + self.zero
        clipped: Array = np.clip(whole, self.lo, self.hi).astype(np.int64)
        return clipped


@dataclass(frozen=True)
class Step:
    """Reshape (shape), Transpose (perm), Slice (starts, ends, steps) or Expand (shape)."""

    op: str
    args: tuple[Shape, ...]


@dataclass(frozen=True)
class Value:
    """A tensor to read: ``kind`` and ``index`` as in an operand of a descriptor."""

    kind: Kind
    index: int
    view: View
    quant: Quant
    steps: tuple[Step, ...] = ()

    @property
    def shape(self) -> Shape:
        return self.view.shape


@dataclass(frozen=True)
class Finish:
    """``floor((acc * m + bias) / 2**shift)``: numbers, or one each per channel."""

    m: int | Array = 1
    bias: int | Array = 0
    shift: int | Array = 0

    @property
    def per_channel(self) -> bool:
        return any(isinstance(part, np.ndarray) for part in (self.m, self.bias, self.shift))

    def bound(self, acc: int | Array) -> int:
        """The greatest ``|acc * m| + |bias|`` for accumulators up to ``acc``."""
        return int(np.max(np.abs(self.m) * acc + np.abs(self.bias)))


@dataclass(frozen=True)
class Op:
    """``shape`` logical; ``order`` lists its dimensions as they are stored, outermost first."""

    reads: ClassVar[tuple[str, ...]] = ("x",)

    name: str
    shape: Shape
    order: tuple[int, ...]
    quant: Quant
    finish: Finish

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """How many parameters an elementwise node has; they belong to its last stored dimension."""
        return self.shape[self.order[-1]] if self.finish.per_channel else 0

    @property
    def operands(self) -> tuple[Value, ...]:
        return tuple(getattr(self, name) for name in self.reads)


@dataclass(frozen=True)
class Conv(Op):
    """``x`` (C, *spatial); ``weight`` (OC, C / groups, *kernel) of integers from -127 to 127."""

    x: Value
    weight: Array
    groups: int
    strides: Shape
    pads: Shape
    dilations: Shape


@dataclass(frozen=True)
class Dense(Op):
    """``x`` (..., K) times ``weight`` (K, N) of integers from -127 to 127."""

    x: Value
    weight: Array


@dataclass(frozen=True)
class Product(Op):
    """``x`` (..., M, K) times ``y`` (..., K, N)."""

    reads: ClassVar[tuple[str, ...]] = ("x", "y")

    x: Value
    y: Value


@dataclass(frozen=True)
class Inner(Op):
    """The sum of squares of ``x`` over ``axes``, which lie densely at the end of its storage."""

    x: Value
    axes: Shape


@dataclass(frozen=True)
class Reduce(Op):
    """``kind`` SUM, MAX or ARGMAX of ``x`` over ``axes``, stored as for ``Inner``."""

    kind: str
    x: Value
    axes: Shape


@dataclass(frozen=True)
class Pool(Op):
    """``kind`` SUM or MAX over windows of ``x`` (C, *spatial)."""

    kind: str
    x: Value
    kernel: Shape
    strides: Shape
    pads: Shape
    dilations: Shape


@dataclass(frozen=True)
class Binary(Op):
    """``kind`` ADD (x * ma + y * mb), MUL, or DIV ((x * ma + y / 2) / y); both broadcast."""

    reads: ClassVar[tuple[str, ...]] = ("x", "y")

    kind: str
    x: Value
    y: Value
    ma: int = 1
    mb: int = 1
    # Of HardSwish: y is x + gate, clipped to 0 and 2 * gate.
    gate: int | None = None


@dataclass(frozen=True, kw_only=True)
class Wide(Binary):
    """The sum that ends a linear node of more than a byte: its high and low part times the weights.

    ``whole`` is the same in one: what lowerings compute that need no bytes.
    """

    whole: Conv | Dense


@dataclass(frozen=True)
class Unary(Op):
    """``kind`` MOVE (x, perhaps with channels in the last stored dimension) or SQRT."""

    kind: str
    x: Value


@dataclass(frozen=True)
class Gate(Op):
    """``x + three`` clipped to 0 and twice that: what HardSwish multiplies x by."""

    x: Value
    three: int


@dataclass(frozen=True)
class Place(Op):
    """``x`` at ``at`` (per dimension) in the output, ``y`` at its own place, elsewhere zero.

    A ``y`` of one element without a place is what fills the rest.
    """

    reads: ClassVar[tuple[str, ...]] = ("x", "y")

    x: Value
    at: Shape
    y: Value | None = None
    y_at: Shape = ()
    ma: int = 1
    mb: int = 1

    @property
    def operands(self) -> tuple[Value, ...]:
        return (self.x,) if self.y is None else (self.x, self.y)


@dataclass(frozen=True)
class Lut(Op):
    """``table[x - zero]``: elements of the output."""

    x: Value
    table: Array


@dataclass(frozen=True)
class Rows(Op):
    """Row ``x`` of ``table`` (rows, width); zeros before and after its last row."""

    x: Value
    table: Array


@dataclass
class Program:
    """Operations in order, and constants that they read as operands."""

    input: Value
    ops: list[Op] = field(default_factory=list)
    consts: list[Array] = field(default_factory=list)
    output: int = 0
