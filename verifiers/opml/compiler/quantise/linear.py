# SPDX-License-Identifier: Apache-2.0
"""Convolutions and matrix products: weight scales such that requantisation is a power of two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.bounds import reach
from verifiers.opml.compiler.builder import multiplier_below
from verifiers.opml.compiler.errors import CertificateError, UnsupportedError
from verifiers.opml.compiler.graph import Array, FNode
from verifiers.opml.compiler.ir import Finish, Quant, Value
from verifiers.opml.compiler.plan import WIDE_LEVELS, WIDE_PARTS
from verifiers.opml.compiler.quantise.context import Context, limited
from verifiers.opml.compiler.quantise.reductions import exact
from verifiers.opml.program import Code

LARGEST_WEIGHT = 127
_EXACT = 1 << 24
_MOST_SHIFT = 22


@dataclass(frozen=True)
class _Grid:
    """Integer weights in steps of ``m / 2**shift``, per channel."""

    m: int
    shift: Array
    whole: Array
    bias: Array

    @property
    def step(self) -> Array:
        result: Array = self.m * np.exp2(-self.shift)
        return result


def quantise_weights(
    weight: Array, bias: Array, x: Quant, y: Quant, name: str
) -> tuple[Array, Finish]:
    """Integer weights, and multiplier, bias and shift per channel; channels are on the first axis.

    The weight scale of a channel is ``y.scale / x.scale * m / 2**shift`` with m 1 or 3: the finest
    that keeps weights within 127 and every sum below 2^24.
    """
    flat = weight.reshape(len(weight), -1) * (x.scale / y.scale)
    one, three = (_grid(flat, bias / y.scale, x, y, m, name) for m in (1, 3))
    better = three.step < one.step
    m = np.where(better, 3, 1) * np.exp2(np.where(better, 0, np.maximum(-one.shift, 0)))
    shift = np.where(better, three.shift, np.maximum(one.shift, 0)).astype(np.int64)
    whole = np.where(better[:, None], three.whole, one.whole).astype(np.int64)
    finish = Finish(
        m.astype(np.int64), np.where(better, three.bias, one.bias).astype(np.int64), shift
    )
    return whole.reshape(weight.shape), finish


def _grid(flat: Array, target: Array, x: Quant, y: Quant, m: int, name: str) -> _Grid:
    """Of m 3, only with shifts of 0 and more; else shifts below 0 stand for multipliers."""
    largest = np.abs(flat).max(1, initial=0.0)
    limit = (LARGEST_WEIGHT + 0.5) * m
    shift = np.floor(np.log2(limit / np.maximum(largest, 2.0**-40)))
    shift = np.minimum(np.where(largest > 0, shift, 0), _MOST_SHIFT)
    while True:
        power = np.exp2(shift)
        factor = m * np.exp2(np.maximum(-shift, 0))
        up = np.exp2(np.maximum(shift, 0))
        whole = np.floor(flat * power[:, None] / m + 0.5)
        offset = np.floor(target * up + np.where(shift > 0, up / 2, 0) + 0.5)
        sums = np.abs(whole).sum(1) * x.reach * factor + np.abs(offset) + abs(y.zero) * up
        over = (sums >= _EXACT) | (np.abs(whole).max(1, initial=0.0) > LARGEST_WEIGHT)
        if not over.any():
            return _Grid(m, np.where((m > 1) & (shift < 0), -np.inf, shift), whole, offset)
        shift = np.where(over, shift - 1, shift)
        if shift.min() < -_MOST_SHIFT:
            raise CertificateError(f"node {name}: its bias is too large for its output's scale")


def conv(at: Context, node: FNode) -> None:
    if "weight" not in node.attrs:
        raise UnsupportedError(node.name, node.op, "its weights must be constant")
    weight, groups = node.attrs["weight"], node.attrs["group"]
    shape = at.shape(node.output)
    if len(shape) not in (2, 3):
        raise UnsupportedError(node.name, node.op, "only one or two spatial dimensions")
    x = _operand(at, node)
    if weight.shape[1] > 1 and x.view.strides[0] != 1:
        x = at.build.copy(x, (*range(1, len(x.shape)), 0), node.name)
    quant = at.plan.quant(node.output)
    whole, finish = quantise_weights(weight, node.attrs["bias"], x.quant, quant, node.name)
    op = ir.Conv(
        node.name,
        shape,
        (*range(1, len(shape)), 0),
        limited(quant, node.attrs.get("clamp")),
        finish,
        x,
        whole,
        groups,
        node.attrs["strides"],
        node.attrs["pads"],
        node.attrs["dilations"],
    )
    at.done(node, _added(at, op))


def dense(at: Context, node: FNode) -> None:
    weight = node.attrs["weight"]
    x = _operand(at, node)
    if not x.shape or x.shape[-1] != len(weight):
        raise UnsupportedError(node.name, node.op, "it multiplies along the batch")
    x = at.build.packed(x, [len(x.shape) - 1], node.name)
    quant = at.plan.quant(node.output)
    whole, finish = quantise_weights(weight.T, node.attrs["bias"], x.quant, quant, node.name)
    shape = (*x.shape[:-1], weight.shape[1])
    if len(x.shape) > 3:
        x = at.build.reshape(x, (prod(x.shape[:-1]), x.shape[-1]), node.name)
    op = ir.Dense(
        node.name,
        (*x.shape[:-1], weight.shape[1]),
        tuple(range(len(x.shape))),
        limited(quant, node.attrs.get("clamp")),
        finish,
        x,
        whole.T,
    )
    at.done(node, at.build.reshape(_added(at, op), shape, node.name))


def _operand(at: Context, node: FNode) -> Value:
    """As bytes, unless the plan gives the tensor more."""
    x = at.read(node)
    return x if is_wide(x.quant) else at.narrow(node, x, node.inputs[0])


def is_wide(quant: Quant) -> bool:
    return quant.hi == WIDE_LEVELS and quant.zero % WIDE_PARTS == 0


def _added(at: Context, op: ir.Conv | ir.Dense) -> Value:
    """A linear node; over more than a byte it is the sum of two."""
    if not is_wide(op.x.quant):
        return at.build.add(op)
    x, shift = op.x, WIDE_PARTS.bit_length() - 1
    scale, zero = x.quant.scale, x.quant.zero // WIDE_PARTS
    high_quant = Quant(scale * WIDE_PARTS, zero, Code.U8, 0, WIDE_LEVELS // WIDE_PARTS)
    halves = Finish(1, 0, shift)
    high = at.build.add(
        ir.Unary(f"{op.name}/high", x.shape, x.view.order, high_quant, halves, "MOVE", x)
    )
    low_quant = Quant(scale, 0, Code.U8, 0, WIDE_PARTS - 1)
    low_name, order = f"{op.name}/low", x.view.order
    low = at.build.add(
        ir.Binary(low_name, x.shape, order, low_quant, Finish(), "ADD", x, high, mb=-WIDE_PARTS)
    )
    parts = [replace(op, name=f"{op.name}/{n}", x=v, finish=Finish())
             for n, v in (("high product", high), ("low product", low))]  # fmt: skip
    x, y = (at.build.add(replace(part, quant=exact(1.0, reach(part)))) for part in parts)
    wide = ir.Wide(
        op.name, op.shape, op.order, op.quant, op.finish, "ADD", x, y, WIDE_PARTS, whole=op
    )
    return at.build.add(wide)


def product(at: Context, node: FNode) -> None:
    """MatMul of two activations."""
    x, y = (at.narrow(node, at.read(node, i), node.inputs[i]) for i in range(2))
    if min(len(x.shape), len(y.shape)) < 2:
        raise UnsupportedError(node.name, node.op, "vectors are not supported")
    rank = max(len(x.shape), len(y.shape))
    x, y = at.build.align(x, rank, node.name), at.build.align(y, rank, node.name)
    x = at.build.packed(x, [rank - 1], node.name)
    y = at.build.packed(y, [rank - 2], node.name)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    at.done(node, _product(at, node, x, y, (*batch, x.shape[-2], y.shape[-1])))


def _product(at: Context, node: FNode, x: Value, y: Value, shape: tuple[int, ...]) -> Value:
    """The output's scale becomes what the nearest multiplier stands for."""
    want = at.plan.quant(node.output)
    reach = x.shape[-1] * x.quant.reach * y.quant.reach
    m, shift = multiplier_below(x.quant.scale * y.quant.scale / want.scale, reach)
    scale = x.quant.scale * y.quant.scale * 2.0**shift / m
    finish = Finish(m, (1 << shift) >> 1, shift)
    order = tuple(range(len(shape)))
    quant = replace(want, scale=scale)
    return at.build.add(ir.Product(node.name, shape, order, quant, finish, x, y))
