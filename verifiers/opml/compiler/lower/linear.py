# SPDX-License-Identifier: Apache-2.0
"""Convolutions and matrix products: integers in float32, or u8 x u8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.bounds import reach
from verifiers.opml.compiler.emit.blob import WEIGHT_ZERO
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.lower.common import COMMON
from verifiers.opml.compiler.lower.finish import bounded, dtype_for, requantised, scale_and_bias
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.windows import end_pads

Emitters = dict[type[ir.Op], Callable[[Lowering, Any], str]]


def scaled_weight(at: Lowering, op: ir.Conv | ir.Dense, axis: int) -> tuple[Array, Array]:
    """Weights and biases that have taken multiplier and shift with them, float32 and exact."""
    dtype = dtype_for(op.finish.bound(reach(op)), op.name)
    scale, bias = scale_and_bias(op.finish, op.quant.zero - at.exit().offset)
    shape = [1] * op.weight.ndim
    shape[axis] = -1
    count = op.weight.shape[axis]
    spread = np.broadcast_to(scale, count).reshape(shape)
    return (op.weight * spread).astype(dtype), np.broadcast_to(bias, count).astype(dtype)


def conv_window(op: ir.Conv) -> dict[str, Any]:
    kernel = op.weight.shape[2:]
    return {
        "kernel_shape": list(kernel),
        "strides": list(op.strides),
        "dilations": list(op.dilations),
        "pads": [*op.pads, *end_pads(op, kernel)],
        "group": op.groups,
    }


def conv(at: Lowering, op: ir.Conv) -> str:
    weight, bias = scaled_weight(at, op, 0)
    x = at.read(op.x, weight.dtype)
    acc = at.w("Conv", x, at.w.const(weight), at.w.const(bias), **conv_window(op))
    return bounded(at.w, op, acc, at.exit(), weight.dtype)


def dense(at: Lowering, op: ir.Dense) -> str:
    weight, bias = scaled_weight(at, op, 1)
    acc = at.w("MatMul", at.read(op.x, weight.dtype), at.w.const(weight))
    if bias.any():
        acc = at.w("Add", acc, at.w.const(bias))
    return bounded(at.w, op, acc, at.exit(), weight.dtype)


def product(at: Lowering, op: ir.Product) -> str:
    dtype = dtype_for(reach(op), op.name)
    acc = at.w("MatMul", at.read(op.x, dtype), at.read(op.y, dtype))
    return requantised(at.w, op, acc, reach(op), at.exit())


def _conv_u8(at: Lowering, op: ir.Conv) -> str:
    weight = at.w.const((op.weight + WEIGHT_ZERO).astype(np.uint8))
    acc = at.w(
        "ConvInteger",
        at.as_u8(op.x),
        weight,
        at.w.number(op.x.quant.zero, np.uint8),
        at.w.number(WEIGHT_ZERO, np.uint8),
        **conv_window(op),
    )
    return _from_i32(at, op, acc, 1)


def _dense_u8(at: Lowering, op: ir.Dense) -> str:
    weight = at.w.const((op.weight + WEIGHT_ZERO).astype(np.uint8))
    zero = at.w.number(op.x.quant.zero, np.uint8)
    x = at.as_u8(op.x)
    acc = at.w("MatMulInteger", x, weight, zero, at.w.number(WEIGHT_ZERO, np.uint8))
    return _from_i32(at, op, acc, -1)


def _product_u8(at: Lowering, op: ir.Product) -> str:
    zeros = [at.w.number(value.quant.zero, np.uint8) for value in op.operands]
    acc = at.w("MatMulInteger", at.as_u8(op.x), at.as_u8(op.y), *zeros)
    return _from_i32(at, op, acc, -1)


def _from_i32(at: Lowering, op: ir.Op, acc: str, axis: int) -> str:
    acc = at.w.cast(acc, dtype_for(reach(op), op.name))
    return requantised(at.w, op, acc, reach(op), at.exit(), axis=axis)


def whole(at: Lowering, op: ir.Wide) -> str:
    """The linear node at once, its halves unseen: integers below 2^24 need no splitting."""
    return conv(at, op.whole) if isinstance(op.whole, ir.Conv) else dense(at, op.whole)


def parts(at: Lowering, op: ir.Wide) -> str:
    """The sum of the two halves' products."""
    dtype = dtype_for(reach(op), op.name)
    high = at.w("Mul", at.read(op.x, dtype), at.w.number(op.ma, dtype))
    acc = at.w("Add", high, at.read(op.y, dtype))
    return requantised(at.w, op, acc, reach(op), at.exit(), axis=op.order[-1] + 1)


PLAIN: Emitters = {**COMMON, ir.Conv: conv, ir.Dense: dense, ir.Product: product, ir.Wide: whole}
TRACE: Emitters = {**PLAIN, ir.Wide: parts}
U8: Emitters = {
    **COMMON,
    ir.Conv: _conv_u8,
    ir.Dense: _dense_u8,
    ir.Product: _product_u8,
    ir.Wide: parts,
}
