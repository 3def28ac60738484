# SPDX-License-Identifier: Apache-2.0
"""Sums, means and maxima over axes and windows."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.builder import multiplier, multiplier_below
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import FNode
from verifiers.opml.compiler.ir import CODE_RANGE, Finish, Quant, Value
from verifiers.opml.compiler.patterns.linear import window
from verifiers.opml.compiler.quantise.context import Context
from verifiers.opml.program import MAX_BLOCKS, Code

_MOST_LANES = 4096
# Some bits less than float32 has, which lowerings need to round.
_ROOM = 1 << 22


def reduce_sum(at: Context, node: FNode) -> None:
    _reduce(at, node, axes_of(at, node), mean=False)


def reduce_mean(at: Context, node: FNode) -> None:
    _reduce(at, node, axes_of(at, node), mean=True)


def global_average(at: Context, node: FNode) -> None:
    _reduce(at, node, tuple(range(1, len(at.read(node).shape))), mean=True)


def reduce_max(at: Context, node: FNode) -> None:
    at.done(node, over(at, node, at.read(node), axes_of(at, node), "MAX"))


def global_max(at: Context, node: FNode) -> None:
    x = at.read(node)
    at.done(node, over(at, node, x, tuple(range(1, len(x.shape))), "MAX"))


def axes_of(at: Context, node: FNode) -> tuple[int, ...]:
    """The axes of an ONNX reduction, from its attribute or its second input."""
    tensor = node.inputs[0]
    given = node.attrs.get("axes")
    if given is None and len(node.inputs) > 1 and node.inputs[1]:
        given = at.const(node, 1).reshape(-1).tolist()
    if not given:
        if node.attrs.get("noop_with_empty_axes", 0):
            raise UnsupportedError(node.name, node.op, "it reduces nothing")
        rank = at.graph.rank(tensor)
        given = range(rank - len(at.shape(tensor)), rank)
    return tuple(sorted(at.axis(node, tensor, int(axis)) for axis in given))


def over(
    at: Context,
    node: FNode,
    x: Value,
    axes: tuple[int, ...],
    kind: str,
    quant: Quant | None = None,
    finish: Finish | None = None,
) -> Value:
    """One reduction; without ``quant``, sums are exact and maxima keep their elements."""
    count = prod(x.shape[a] for a in axes)
    if count > _MOST_LANES:
        x, axes = _partly(at, node, x, axes, kind)
        count = prod(x.shape[a] for a in axes)
    x = at.build.packed(x, axes, node.name)
    rest = [a for a in range(len(x.shape)) if a not in axes]
    order = tuple(rest.index(a) for a in x.view.order if a in rest)
    shape = tuple(x.shape[a] for a in rest)
    found = quant or (x.quant if kind == "MAX" else exact(x.quant.scale, count * x.quant.reach))
    op = ir.Reduce(node.name, shape, order, found, finish or Finish(), kind, x, axes)
    return at.build.add(op)


def _partly(
    at: Context, node: FNode, x: Value, axes: tuple[int, ...], kind: str
) -> tuple[Value, tuple[int, ...]]:
    """Reduce the last axis by itself, when all together are too many for one node."""
    if len(axes) < 2 or x.shape[axes[-1]] > _MOST_LANES:
        raise UnsupportedError(node.name, node.op, f"more than {_MOST_LANES} numbers in a row")
    return over(at, node, x, axes[-1:], kind), axes[:-1]


def exact(scale: float, reach: int) -> Quant:
    """Signed integers up to ``reach`` with zero point 0."""
    code = Code.I32 if reach <= CODE_RANGE[Code.I32][1] else Code.I64
    return Quant(scale, 0, code, -reach, reach)


def _reduce(at: Context, node: FNode, axes: tuple[int, ...], mean: bool) -> None:
    """The output's scale becomes what the nearest multiplier stands for."""
    x = at.read(node)
    count = prod(x.shape[a] for a in axes)
    want = at.plan.quant(node.output)
    unit = x.quant.scale / (count if mean else 1)
    m, shift = multiplier_below(unit / want.scale, count * x.quant.reach, _ROOM)
    quant = replace(want, scale=unit * 2.0**shift / m)
    at.done(node, over(at, node, x, axes, "SUM", quant, Finish(m, (1 << shift) >> 1, shift)))


def max_pool(at: Context, node: FNode) -> None:
    if len(node.outputs) > 1:
        raise UnsupportedError(node.name, node.op, "the places of the maxima are not supported")
    x = at.read(node)
    at.done(node, pool(at, node, x, "MAX", x.quant, Finish()))


def average_pool(at: Context, node: FNode) -> None:
    x, quant = at.read(node), at.plan.quant(node.output)
    fields = window(at.graph, node, tuple(node.attrs["kernel_shape"]))
    padded = _reaches_out(at, node, fields)
    uneven = node.attrs.get("ceil_mode", 0)
    if uneven or (padded and not node.attrs.get("count_include_pad", 0)):
        raise UnsupportedError(node.name, node.op, "windows that average different counts")
    count = prod(node.attrs["kernel_shape"])
    m, shift = multiplier(x.quant.scale / quant.scale / count, count * x.quant.reach, 1 << 23)
    at.done(node, pool(at, node, x, "SUM", quant, Finish(m, (1 << shift) >> 1, shift)))


def _reaches_out(at: Context, node: FNode, fields: dict[str, Any]) -> bool:
    """Whether a window covers padding, at the start or at the end."""
    sizes, outs = at.shape(node.inputs[0])[1:], at.shape(node.output)[1:]
    ends = [
        (o - 1) * s + d * (k - 1) + 1 > i
        for i, o, k, s, d in zip(
            sizes, outs, fields["kernel"], fields["strides"], fields["dilations"], strict=True
        )
    ]
    return any(fields["pads"]) or any(ends)


def pool(at: Context, node: FNode, x: Value, kind: str, quant: Quant, finish: Finish) -> Value:
    fields = window(at.graph, node, tuple(node.attrs["kernel_shape"]))
    shape = at.shape(node.output)
    if len(shape) not in (2, 3):
        raise UnsupportedError(node.name, node.op, "only one or two spatial dimensions")
    if prod(fields["kernel"]) > MAX_BLOCKS:
        raise UnsupportedError(node.name, node.op, f"more than {MAX_BLOCKS} numbers in a window")
    order = (*range(1, len(shape)), 0)
    found = replace(quant)
    return at.build.add(ir.Pool(node.name, shape, order, found, finish, kind, x, **fields))
