# SPDX-License-Identifier: Apache-2.0
"""``finish`` in floats: exact, because every number in it is an integer times a power of two.

Clip comes before Floor, half a step wider above: the integers are the same, and onnxruntime fuses a
Clip that follows a convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from verifiers.opml.compiler.bounds import interval
from verifiers.opml.compiler.errors import CertificateError
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.ir import Finish, Op, Quant
from verifiers.opml.compiler.lower.writer import Writer

F32, F64 = 1 << 24, 1 << 52


def dtype_for(bound: int, name: str) -> Any:
    """The float type that holds integers up to ``bound`` exactly; raises CertificateError."""
    if bound < F32:
        return np.float32
    if bound < F64:
        return np.float64
    raise CertificateError(f"node {name}: its integers reach {bound}, beyond 2^52")


def carried(quant: Quant, offset: int) -> Any:
    """The float type in which a tensor travels, as elements less ``offset``."""
    return np.float32 if max(abs(quant.lo - offset), abs(quant.hi - offset)) < F32 else np.float64


def channels(value: int | Array, rank: int, axis: int) -> Array:
    """A number, or numbers per channel in the shape that broadcasts along ``axis``."""
    array = np.asarray(value)
    if array.ndim == 0:
        return array
    shape = [1] * rank
    shape[axis] = array.size
    return array.reshape(shape)


def scale_and_bias(finish: Finish, offset: int) -> tuple[Array, Array]:
    """``m / 2**shift`` and ``bias / 2**shift + offset``, float64, exact."""
    power = np.exp2(-np.asarray(finish.shift, np.float64))
    return np.asarray(finish.m) * power, np.asarray(finish.bias) * power + offset


@dataclass(frozen=True)
class Exit:
    """How an operation's result leaves: less ``offset``, and whether it must be whole by itself."""

    offset: int
    floor: bool = True


def requantised(
    w: Writer, op: Op, acc: str, reach: int, leave: Exit, *, axis: int = -1, scaled: bool = False
) -> str:
    """The element less its carried zero, from an accumulator below ``reach`` in size.

    ``axis`` is that of the channels; ``scaled`` says that ``acc`` is multiplied already.
    """
    shift = op.quant.zero - leave.offset
    scale, bias = scale_and_bias(op.finish, shift)
    bound = op.finish.bound(reach) + abs(shift) * _step(op.finish)
    acc_type, dtype = dtype_for(reach, op.name), dtype_for(bound, op.name)
    if dtype != acc_type and not scaled:
        acc = w.cast(acc, dtype)
    rank = len(op.shape) + 1
    if np.any(scale != 1) and not scaled:
        acc = w("Mul", acc, w.const(channels(scale, rank, axis).astype(dtype)))
    if np.any(bias != 0):
        acc = w("Add", acc, w.const(channels(bias, rank, axis).astype(dtype)))
    return bounded(w, op, acc, leave, dtype)


def bounded(w: Writer, op: Op, x: str, leave: Exit, dtype: Any) -> str:
    """Clip, Floor, and the cast to the carried type."""
    quant, shifts = op.quant, bool(np.any(op.finish.shift))
    least, most = quant.lo - leave.offset, quant.hi - leave.offset
    low, high = limits(op)
    if low + quant.zero < quant.lo or high + quant.zero > quant.hi:
        slack = 0.5 if shifts else 0.0
        x = w("Clip", x, w.number(least, dtype), w.number(most + slack, dtype))
    if shifts and leave.floor:
        x = w("Floor", x)
    kind = carried(quant, leave.offset)
    return x if kind == dtype else w.cast(x, kind)


def limits(op: Op) -> tuple[int, int]:
    """Between which numbers the result lies before its zero point is added, and unclipped."""
    power = np.exp2(-np.asarray(op.finish.shift, np.float64))
    ends = [(np.asarray(op.finish.m, np.float64) * acc + op.finish.bias) * power
            for acc in interval(op)]  # fmt: skip
    return int(np.floor(np.min(ends))), int(np.floor(np.max(ends)))


def _step(finish: Finish) -> int:
    return int(np.max(np.exp2(np.asarray(finish.shift, np.float64))))
