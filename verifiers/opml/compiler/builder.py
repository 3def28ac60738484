# SPDX-License-Identifier: Apache-2.0
"""Grows a quantised program: views cost nothing, copies are made only where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import floor, log2

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.errors import CertificateError
from verifiers.opml.compiler.graph import Array, Shape
from verifiers.opml.compiler.ir import Finish, Quant, Step, Value
from verifiers.opml.compiler.views import View
from verifiers.opml.program import Code, Kind


class Builder:
    """Collects operations; each ``add`` returns the value that the operation makes."""

    def __init__(self, shape: Shape, quant: Quant) -> None:
        view = View.stored(shape, range(len(shape)))
        self.program = ir.Program(Value(Kind.INPUT, 0, view, quant))

    def add(self, op: ir.Op) -> Value:
        self.program.ops.append(op)
        view = View.stored(op.shape, op.order)
        return Value(Kind.TRACE, len(self.program.ops) - 1, view, op.quant)

    def const(self, elements: Array, scale: float = 1.0) -> Value:
        """Integers as an operand, i32."""
        self.program.consts.append(elements.astype(np.int64))
        lo, hi = (int(elements.min()), int(elements.max())) if elements.size else (0, 0)
        view = View.stored(elements.shape, range(elements.ndim))
        index = len(self.program.consts) - 1
        return Value(Kind.WEIGHTS, index, view, Quant(scale, 0, Code.I32, lo, hi))

    def reshape(self, x: Value, shape: Shape, name: str) -> Value:
        """A copy when the elements would have to move."""
        if x.shape == shape:
            return x
        view = x.view.reshape(shape)
        if view is None:
            x = self.copy(x, range(len(x.shape)), name)
            view = x.view.reshape(shape)
        assert view is not None
        return _step(x, view, "Reshape", shape)

    def transpose(self, x: Value, perm: Sequence[int]) -> Value:
        if tuple(perm) == tuple(range(len(x.shape))):
            return x
        return _step(x, x.view.transpose(perm), "Transpose", tuple(perm))

    def expand(self, x: Value, shape: Shape, name: str) -> Value:
        aligned = self.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape, name)
        if aligned.shape == shape:
            return aligned
        return _step(aligned, aligned.view.expand(shape), "Expand", shape)

    def slice(self, x: Value, axis: int, start: int, stop: int, step: int) -> Value:
        """As Python slices; ``stop`` may be -1 - size for a slice down to the first element."""
        size = x.shape[axis]
        index = [slice(None)] * len(x.shape)
        index[axis] = slice(start, None if stop < -size else stop, step)
        if range(size)[index[axis]] == range(size):
            return x
        return _step(x, x.view.slice(tuple(index)), "Slice", (axis,), (start,), (stop,), (step,))

    def align(self, x: Value, rank: int, name: str) -> Value:
        """Leading dimensions of size 1 until the value has ``rank``."""
        return self.reshape(x, (1,) * (rank - len(x.shape)) + x.shape, name)

    def copy(self, x: Value, order: Sequence[int], name: str) -> Value:
        """The same elements stored in another order."""
        op = ir.Unary(f"{name}/copy", x.shape, tuple(order), x.quant, Finish(), "MOVE", x)
        return self.add(op)

    def packed(self, x: Value, axes: Sequence[int], name: str) -> Value:
        """``x`` so that ``axes`` lie densely at the end of its storage: a copy unless they do."""
        if x.view.is_packed(axes) and all(stride >= 0 for stride in x.view.strides):
            return x
        first = [a for a in x.view.order if a not in axes]
        return self.copy(x, [*first, *axes], name)

    def scaled(self, x: Value, factor: float) -> Value:
        """Times a positive number: only what the elements stand for changes."""
        return replace(x, quant=replace(x.quant, scale=x.quant.scale * factor))

    def requantise(self, x: Value, quant: Quant, name: str) -> Value:
        """The same reals in other elements."""
        if x.quant == quant:
            return x
        finish = rescaling(x.quant, quant)
        return self.add(
            ir.Unary(f"{name}/requantise", x.shape, x.view.order, quant, finish, "MOVE", x)
        )


def _step(x: Value, view: View, op: str, *args: Shape) -> Value:
    return replace(x, view=view, steps=(*x.steps, Step(op, args)))


def rescaling(source: Quant, target: Quant) -> Finish:
    """Multiplier and shift, with rounding, as precise as float32 lowerings allow."""
    m, shift = multiplier(source.scale / target.scale, source.reach)
    return Finish(m, (1 << shift) >> 1, shift)


def multiplier(ratio: float, reach: int, limit: int = 1 << 23) -> tuple[int, int]:
    """``(m, shift)`` with ``m / 2**shift`` near ``ratio`` and ``m * reach <= limit``.

    The shift is the smallest that is exact, where one is.
    """
    if not ratio > 0:
        raise CertificateError(f"a multiplier of {ratio} is not positive")
    shift = 0
    while shift < 30 and round(ratio * 2 ** (shift + 1)) * max(reach, 1) <= limit:
        shift += 1
    m = round(ratio * 2**shift)
    while shift and m % 2 == 0 and m:
        m, shift = m // 2, shift - 1
    if m == 0:
        raise CertificateError(f"a multiplier of {ratio} for values up to {reach} is too small")
    return m, shift


def multiplier_below(ratio: float, reach: int, limit: int = (1 << 24) - 1) -> tuple[int, int]:
    """The greatest ``m / 2**shift`` not above ``ratio`` with few bits, where the output's scale is
    free to follow: rounding included, ``m * reach`` stays below ``limit``."""
    shift = 0
    while shift < 30 and int(ratio * 2 ** (shift + 1)) * reach + (1 << shift) <= limit:
        shift += 1
    m = int(ratio * 2**shift)
    if m == 0:
        raise CertificateError(f"a multiplier of {ratio} for values up to {reach} is too small")
    while shift and m % 2 == 0:
        m, shift = m // 2, shift - 1
    return m, shift


def line(gain: Array, offset: Array, reach: int) -> Finish:
    """Multipliers and biases over a common shift, every sum below 2^23 or so."""
    largest = float(np.max(np.abs(gain) * reach + np.abs(offset))) + 1
    shift = max(0, min(22, floor(log2((1 << 23) / largest))))
    m = np.rint(gain * 2**shift).astype(np.int64)
    bias = np.rint(offset * 2**shift).astype(np.int64) + ((1 << shift) >> 1)
    if len(m) == 1:
        return Finish(int(m[0]), int(bias[0]), shift)
    return Finish(m, bias, np.full(len(m), shift, np.int64))
