# SPDX-License-Identifier: Apache-2.0
"""Convolutions for CUDA as slices and a matrix product: cuDNN may choose Winograd or FFT kernels,
which are not exact."""

from __future__ import annotations

from itertools import product as combinations
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.bounds import reach
from verifiers.opml.compiler.graph import Array, Shape
from verifiers.opml.compiler.lower.common import COMMON
from verifiers.opml.compiler.lower.finish import bounded, requantised
from verifiers.opml.compiler.lower.linear import Emitters, dense, product, scaled_weight
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.windows import end_pads


def _conv(at: Lowering, op: ir.Conv) -> str:
    weight, bias = scaled_weight(at, op, 0)
    kernel = op.weight.shape[2:]
    taps = _taps(at, op, kernel, at.read(op.x, weight.dtype), weight.dtype)
    per_tap = list(weight.reshape(*weight.shape[:2], -1).transpose(2, 0, 1))
    if op.groups == 1:
        acc = _one_group(at, op, taps, per_tap)
    elif op.weight.shape[:2] == (op.groups, 1):
        acc = _depthwise(at, taps, per_tap, len(kernel))
    else:
        acc = _grouped(at, op, taps, per_tap)
    acc = at.w("Add", acc, at.w.const(bias.reshape(-1, *(1,) * len(kernel))))
    return bounded(at.w, op, acc, at.exit(), weight.dtype)


def _pool(at: Lowering, op: ir.Pool) -> str:
    if op.kind == "MAX":
        return COMMON[ir.Pool](at, op)
    taps = _taps(at, op, op.kernel, at.read(op.x, np.float32), np.float32)
    acc = taps[0]
    for tap in taps[1:]:
        acc = at.w("Add", acc, tap)
    return requantised(at.w, op, acc, reach(op), at.exit(), axis=1)


def _places(kernel: Shape) -> list[tuple[int, ...]]:
    return list(combinations(*(range(size) for size in kernel)))


def _taps(at: Lowering, op: ir.Conv | ir.Pool, kernel: Shape, x: str, dtype: Any) -> list[str]:
    """What each place of the kernel sees: (n, C, *output)."""
    pads = [0, 0, *op.pads, 0, 0, *end_pads(op, kernel)]
    if any(pads):
        x = at.w("Pad", x, at.w.ints(*pads), at.w.number(0, dtype))
    axes = range(2, 2 + len(kernel))
    steps = at.w.ints(*op.strides)
    sliced = []
    for place in _places(kernel):
        starts = [i * d for i, d in zip(place, op.dilations, strict=True)]
        sizes = zip(starts, op.shape[1:], op.strides, strict=True)
        stops = [start + (size - 1) * step + 1 for start, size, step in sizes]
        sliced.append(
            at.w("Slice", x, at.w.ints(*starts), at.w.ints(*stops), at.w.ints(*axes), steps)
        )
    return sliced


def _one_group(at: Lowering, op: ir.Conv, taps: list[str], weights: list[Array]) -> str:
    """(OC, taps * C) x (n, taps * C, positions)."""
    rows = taps[0] if len(taps) == 1 else at.w("Concat", *taps, axis=1)
    flat = at.w("Reshape", rows, at.w.ints(0, sum(w.shape[1] for w in weights), -1))
    acc = at.w("MatMul", at.w.const(np.concatenate(weights, axis=1)), flat)
    return at.w("Reshape", acc, at.w.ints(-1, *op.shape))


def _depthwise(at: Lowering, taps: list[str], weights: list[Array], rank: int) -> str:
    acc = ""
    for tap, weight in zip(taps, weights, strict=True):
        part = at.w("Mul", tap, at.w.const(weight.reshape(-1, *(1,) * rank)))
        acc = at.w("Add", acc, part) if acc else part
    return acc


def _grouped(at: Lowering, op: ir.Conv, taps: list[str], weights: list[Array]) -> str:
    """A batch of products: (groups, OC / groups, C) x (n, groups, C, positions)."""
    acc, inner = "", op.weight.shape[1]
    for tap, weight in zip(taps, weights, strict=True):
        flat = at.w("Reshape", tap, at.w.ints(0, op.groups, inner, -1))
        part = at.w("MatMul", at.w.const(weight.reshape(op.groups, -1, inner)), flat)
        acc = at.w("Add", acc, part) if acc else part
    return at.w("Reshape", acc, at.w.ints(-1, *op.shape))


def _whole(at: Lowering, op: ir.Wide) -> str:
    return _conv(at, op.whole) if isinstance(op.whole, ir.Conv) else dense(at, op.whole)


CUDA: Emitters = {
    **COMMON,
    ir.Conv: _conv,
    ir.Dense: dense,
    ir.Product: product,
    ir.Pool: _pool,
    ir.Wide: _whole,
}
