# SPDX-License-Identifier: Apache-2.0
"""How large the accumulator of an operation can get, partial sums in any order included."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, prod
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir


def reach(op: ir.Op) -> int:
    """The greatest ``|acc|``; of a DIV the greatest numerator, which is what must be exact."""
    return int(_REACH[type(op)](op))


def interval(op: ir.Op) -> tuple[int, int]:
    """Between which numbers ``acc`` lies, where that is easy to tell; else up to ``reach``."""
    sides = [(value.quant.lo - value.quant.zero, value.quant.hi - value.quant.zero)
             for value in op.operands]  # fmt: skip
    if isinstance(op, ir.Unary | ir.Pool | ir.Reduce) and getattr(op, "kind", "") in (
        "MOVE",
        "MAX",
    ):
        return sides[0]
    if isinstance(op, ir.Pool | ir.Reduce) and op.kind == "SUM":
        count = reach(op) // max(op.x.quant.reach, 1)
        return sides[0][0] * count, sides[0][1] * count
    if isinstance(op, ir.Binary) and op.kind == "MUL" and op.gate is not None:
        return -(op.gate**2) // 4, max(sides[0][1], 0) * 2 * op.gate
    if isinstance(op, ir.Binary) and op.kind != "DIV":
        return _corners(op, sides[0], sides[1])
    return -reach(op), reach(op)


def _corners(op: ir.Binary, x: tuple[int, int], y: tuple[int, int]) -> tuple[int, int]:
    if op.kind == "MUL":
        found = [a * b for a in x for b in y]
    else:
        found = [a * op.ma + b * op.mb for a in x for b in y]
    return min(found), max(found)


def channel_reach(weight: Any, x: ir.Quant) -> Any:
    """The greatest ``|acc|`` of each output channel; ``weight`` has them on its first axis."""
    return np.abs(weight.reshape(len(weight), -1)).sum(1) * x.reach


def _reduce(op: ir.Reduce) -> int:
    count = prod(op.x.shape[axis] for axis in op.axes)
    if op.kind == "ARGMAX":
        return count - 1
    return op.x.quant.reach * (count if op.kind == "SUM" else 1)


def _pool(op: ir.Pool) -> int:
    return op.x.quant.reach * (prod(op.kernel) if op.kind == "SUM" else 1)


def _binary(op: ir.Binary) -> int:
    x, y = op.x.quant.reach, op.y.quant.reach
    if op.kind == "MUL":
        return x * y
    if op.kind == "DIV":
        return x * abs(op.ma) + y // 2
    return x * abs(op.ma) + y * abs(op.mb)


def _unary(op: ir.Unary) -> int:
    return isqrt(op.x.quant.reach) if op.kind == "SQRT" else op.x.quant.reach


def _place(op: ir.Place) -> int:
    factors = (op.ma, op.mb)
    return max(v.quant.reach * abs(f) for v, f in zip(op.operands, factors, strict=False))


def _table(op: ir.Lut | ir.Rows) -> int:
    return max(abs(op.quant.lo), abs(op.quant.hi))


_REACH: dict[type[ir.Op], Callable[[Any], Any]] = {
    ir.Conv: lambda op: channel_reach(op.weight, op.x.quant).max(),
    ir.Dense: lambda op: channel_reach(op.weight.T, op.x.quant).max(),
    ir.Product: lambda op: op.x.shape[-1] * op.x.quant.reach * op.y.quant.reach,
    ir.Inner: lambda op: prod(op.x.shape[a] for a in op.axes) * op.x.quant.reach**2,
    ir.Reduce: _reduce,
    ir.Pool: _pool,
    ir.Binary: _binary,
    ir.Wide: _binary,
    ir.Unary: _unary,
    ir.Gate: lambda op: op.x.quant.reach,
    ir.Place: _place,
    ir.Lut: _table,
    ir.Rows: _table,
}
