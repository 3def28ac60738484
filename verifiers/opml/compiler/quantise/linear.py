# SPDX-License-Identifier: Apache-2.0
"""Convolutions and matrix products: weight scales such that requantisation is a power of two."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.builder import multiplier_below
from verifiers.opml.compiler.errors import CertificateError, UnsupportedError
from verifiers.opml.compiler.graph import Array, FNode
from verifiers.opml.compiler.ir import Finish, Quant, Value
from verifiers.opml.compiler.quantise.context import Context, limited

LARGEST_WEIGHT = 127
_EXACT = 1 << 24
_MOST_SHIFT = 22


def quantise_weights(
    weight: Array, bias: Array, x: Quant, y: Quant, name: str
) -> tuple[Array, Finish]:
    """Integer weights, and bias and shift per channel; channels are on the first axis.

    The weight scale of a channel is ``y.scale / x.scale * 2**-shift``, with the greatest shift that
    keeps weights within 127 and every sum below 2^24.
    """
    flat = weight.reshape(len(weight), -1) * (x.scale / y.scale)
    target = bias / y.scale
    largest = np.abs(flat).max(1, initial=0.0)
    shift = np.floor(np.log2((LARGEST_WEIGHT + 0.5) / np.maximum(largest, 2.0**-40)))
    shift = np.minimum(np.where(largest > 0, shift, 0), _MOST_SHIFT)
    while True:
        power = np.exp2(shift)
        rounding = np.where(shift > 0, power / 2, 0)
        whole = np.floor(flat * power[:, None] + 0.5)
        offset = np.floor(target * power + rounding + 0.5)
        sums = np.abs(whole).sum(1) * x.reach + np.abs(offset) + abs(y.zero) * power
        over = (sums >= _EXACT) | (np.abs(whole).max(1, initial=0.0) > LARGEST_WEIGHT)
        if not over.any():
            break
        shift = np.where(over, shift - 1, shift)
        if shift.min() < -_MOST_SHIFT:
            raise CertificateError(f"node {name}: its bias is too large for its output's scale")
    m = np.exp2(np.maximum(-shift, 0)).astype(np.int64)
    whole = np.where(shift[:, None] < 0, np.floor(flat / m[:, None] + 0.5), whole)
    finish = Finish(
        m if (m != 1).any() else 1,
        np.where(shift < 0, np.floor(target + 0.5), offset).astype(np.int64),
        np.maximum(shift, 0).astype(np.int64),
    )
    return whole.astype(np.int64).reshape(weight.shape), finish


def conv(at: Context, node: FNode) -> None:
    if "weight" not in node.attrs:
        raise UnsupportedError(node.name, node.op, "its weights must be constant")
    weight, groups = node.attrs["weight"], node.attrs["group"]
    shape = at.shape(node.output)
    if len(shape) not in (2, 3):
        raise UnsupportedError(node.name, node.op, "only one or two spatial dimensions")
    x = at.narrow(node, at.read(node), node.inputs[0])
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
    at.done(node, at.build.add(op))


def dense(at: Context, node: FNode) -> None:
    weight = node.attrs["weight"]
    x = at.narrow(node, at.read(node), node.inputs[0])
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
    at.done(node, at.build.reshape(at.build.add(op), shape, node.name))


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
