# SPDX-License-Identifier: Apache-2.0
"""Operations that every lowering computes alike; convolutions and products are in ``linear``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.bounds import reach
from verifiers.opml.compiler.lower.finish import (
    carried,
    dtype_for,
    requantised,
    scale_and_bias,
)
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.windows import end_pads


def _inner(at: Lowering, op: ir.Inner) -> str:
    dtype = dtype_for(reach(op), op.name)
    x = at.read(op.x, dtype)
    total = _sum(at, at.w("Mul", x, x), op.axes)
    return requantised(at.w, op, total, reach(op), at.exit())


def _sum(at: Lowering, x: str, axes: tuple[int, ...]) -> str:
    return at.w("ReduceSum", x, at.w.ints(*(axis + 1 for axis in axes)), keepdims=0)


def _reduce(at: Lowering, op: ir.Reduce) -> str:
    if op.kind == "ARGMAX":
        best = at.w("ArgMax", at.read(op.x), axis=op.axes[0] + 1, keepdims=0)
        return requantised(at.w, op, at.w.cast(best, np.float32), reach(op), at.exit())
    x = at.read(op.x, dtype_for(reach(op), op.name))
    if op.kind == "SUM":
        acc = _sum(at, x, op.axes)
    else:
        acc = at.w("ReduceMax", x, axes=[axis + 1 for axis in op.axes], keepdims=0)
    return requantised(at.w, op, acc, reach(op), at.exit())


def pool_window(op: ir.Pool) -> dict[str, Any]:
    return {
        "kernel_shape": list(op.kernel),
        "strides": list(op.strides),
        "dilations": list(op.dilations),
        "pads": [*op.pads, *end_pads(op, op.kernel)],
    }


def _pool(at: Lowering, op: ir.Pool) -> str:
    x, window = at.read(op.x, dtype_for(reach(op), op.name)), pool_window(op)
    if op.kind == "MAX":
        acc = at.w("MaxPool", x, **window)
    else:
        ones = np.ones((op.x.shape[0], 1, *op.kernel), np.float32)
        acc = at.w("Conv", x, at.w.const(ones), group=op.x.shape[0], **window)
    return requantised(at.w, op, acc, reach(op), at.exit(), axis=1)


def _binary(at: Lowering, op: ir.Binary) -> str:
    return _BINARY[op.kind](at, op)


def _add(at: Lowering, op: ir.Binary) -> str:
    """The multipliers take the shift with them, so that equal scales cost nothing."""
    scale, _ = scale_and_bias(op.finish, 0)
    dtype = dtype_for(op.finish.bound(reach(op)), op.name)
    x = _times(at, at.read(op.x, dtype), float(op.ma * scale), dtype)
    y = _times(at, at.read(op.y, dtype), float(op.mb * scale), dtype)
    return requantised(at.w, op, at.w("Add", x, y), reach(op), at.exit(), scaled=True)


def _multiply(at: Lowering, op: ir.Binary) -> str:
    """The smaller operand takes multiplier and shift with it."""
    scale, _ = scale_and_bias(op.finish, 0)
    dtype = dtype_for(op.finish.bound(reach(op)), op.name)
    x, y = at.read(op.x, dtype), at.read(op.y, dtype)
    if op.x.view.size < op.y.view.size:
        x = _times(at, x, float(scale), dtype)
    else:
        y = _times(at, y, float(scale), dtype)
    return requantised(at.w, op, at.w("Mul", x, y), reach(op), at.exit(), scaled=True)


def _gate(at: Lowering, op: ir.Gate) -> str:
    return requantised(at.w, op, at.read(op.x), reach(op), at.exit())


def _divide(at: Lowering, op: ir.Binary) -> str:
    dtype = dtype_for(reach(op), op.name)
    y = at.read(op.y, dtype)
    half = at.w("Floor", at.w("Mul", y, at.w.number(0.5, dtype)))
    top = at.w("Add", _times(at, at.read(op.x, dtype), op.ma, dtype), half)
    quotient = at.w("Floor", at.w("Div", top, y))
    if op.y.quant.lo - op.y.quant.zero <= 0:
        zero = at.w.number(0, dtype)
        quotient = at.w("Where", at.w("Greater", y, zero), quotient, zero)
    return requantised(at.w, op, quotient, reach(op), at.exit())


def _times(at: Lowering, x: str, factor: float, dtype: Any) -> str:
    return x if factor == 1 else at.w("Mul", x, at.w.number(factor, dtype))


_BINARY: dict[str, Callable[[Lowering, ir.Binary], str]] = {
    "ADD": _add,
    "MUL": _multiply,
    "DIV": _divide,
}


def _unary(at: Lowering, op: ir.Unary) -> str:
    if op.kind == "SQRT":
        x = at.read(op.x, np.float64)
        root = at.w("Sqrt", at.w("Max", x, at.w.number(0, np.float64)))
        acc = at.w("Floor", root)
        if dtype_for(reach(op), op.name) == np.float32:
            acc = at.w.cast(acc, np.float32)
        return requantised(at.w, op, acc, reach(op), at.exit())
    axis = op.order[-1] + 1 if op.order else 0
    return requantised(at.w, op, at.read(op.x), reach(op), at.exit(), axis=axis)


def _lut(at: Lowering, op: ir.Lut) -> str:
    index = at.element(op.x)
    if op.x.quant.hi >= len(op.table) or op.x.quant.lo < 0:
        dtype = at.dtype(op.x)
        index = at.w("Clip", index, at.w.number(0, dtype), at.w.number(len(op.table) - 1, dtype))
    return _gather(at, op, op.table, index)


def _rows(at: Lowering, op: ir.Rows) -> str:
    """An id outside of the table finds one of the two rows of zeros around it."""
    dtype = at.dtype(op.x)
    count = len(op.table)
    index = at.w("Clip", at.element(op.x), at.w.number(-1, dtype), at.w.number(count, dtype))
    padded = np.pad(op.table, ((1, 1), (0, 0)))
    return _gather(at, op, padded, at.w("Add", index, at.w.number(1, dtype)))


def _gather(at: Lowering, op: ir.Lut | ir.Rows, table: Any, index: str) -> str:
    offset = at.exit().offset
    floats = (table - offset).astype(carried(op.quant, offset))
    return at.w("Gather", at.w.const(floats), at.w.cast(index, np.int32))


def _place(at: Lowering, op: ir.Place) -> str:
    scale, _ = scale_and_bias(op.finish, 0)
    dtype = dtype_for(op.finish.bound(reach(op)), op.name)
    x = _times(at, at.read(op.x, dtype), float(op.ma * scale), dtype)
    if op.y is None or not op.y_at:
        ends = [n - a - m for n, a, m in zip(op.shape, op.at, op.x.shape, strict=True)]
        fill = 0 if op.y is None else int(at.program.consts[op.y.index].reshape(-1)[0])
        x = at.w("Pad", x, at.w.ints(0, *op.at, 0, *ends), at.w.number(fill, dtype))
    else:
        y = _times(at, at.read(op.y, dtype), float(op.mb * scale), dtype)
        axis = next(i for i, start in enumerate(op.y_at) if start)
        x = at.w("Concat", x, y, axis=axis + 1)
    return requantised(at.w, op, x, reach(op), at.exit(), scaled=True)


COMMON: dict[type[ir.Op], Callable[[Lowering, Any], str]] = {
    ir.Inner: _inner,
    ir.Reduce: _reduce,
    ir.Pool: _pool,
    ir.Binary: _binary,
    ir.Unary: _unary,
    ir.Gate: _gate,
    ir.Lut: _lut,
    ir.Rows: _rows,
    ir.Place: _place,
}
