# SPDX-License-Identifier: Apache-2.0
"""Nodes that only move elements: most of them become views."""

from __future__ import annotations

from itertools import pairwise

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import FNode
from verifiers.opml.compiler.ir import Finish, Value
from verifiers.opml.compiler.quantise.context import Context


def reshape(at: Context, node: FNode) -> None:
    at.done(node, at.read(node))


def transpose(at: Context, node: FNode) -> None:
    x, shape = at.read(node), at.graph.shapes[node.inputs[0]]
    perm = node.attrs.get("perm", list(reversed(range(len(shape)))))
    if shape[:1] == (1,) and perm[0] == 0:
        at.done(node, at.build.transpose(x, [axis - 1 for axis in perm[1:]]))
    else:
        at.done(node, at.build.transpose(at.build.reshape(x, shape, node.name), perm))


def expand(at: Context, node: FNode) -> None:
    at.done(node, at.build.expand(at.read(node), at.shape(node.output), node.name))


def slices(at: Context, node: FNode) -> None:
    x, rank = at.read(node), at.graph.rank(node.inputs[0])
    if "starts" in node.attrs:
        starts, ends = node.attrs["starts"], node.attrs["ends"]
        axes, steps = node.attrs.get("axes", range(len(starts))), [1] * len(starts)
    else:
        starts, ends = (at.const(node, i).reshape(-1).tolist() for i in (1, 2))
        given = [at.const(node, i).tolist() if _has(node, i) else None for i in (3, 4)]
        axes = given[0] or range(len(starts))
        steps = given[1] or [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = at.graph.shapes[node.inputs[0]][axis % rank]
        if range(size)[slice(start, end, step)] != range(size):
            place = at.axis(node, node.inputs[0], axis)
            x = at.build.slice(x, place, *_clipped(start, end, step, size))
    at.done(node, x)


def _has(node: FNode, index: int) -> bool:
    return len(node.inputs) > index and bool(node.inputs[index])


def _clipped(start: int, end: int, step: int, size: int) -> tuple[int, int, int]:
    """Inside of what int64 and Python both take; backwards to the first element is -1 - size."""
    first, last, _ = slice(start, end, step).indices(size)
    return first, last if last >= 0 else -1 - size, step


def split(at: Context, node: FNode) -> None:
    x = at.read(node)
    axis = at.axis(node, node.inputs[0], node.attrs.get("axis", 0))
    start = 0
    for i, name in enumerate(node.outputs):
        stop = start + at.graph.shapes[name][node.attrs.get("axis", 0)]
        at.done(node, at.build.slice(x, axis, start, stop, 1), i)
        start = stop


def gather(at: Context, node: FNode) -> None:
    """Constant indices at equal distances; tokens into a constant table are nodes ``Table``."""
    if node.inputs[0] not in at.values:
        raise UnsupportedError(node.name, node.op, "only rows of a matrix, by whole tokens")
    x, indices = at.read(node), at.const(node, 1)
    axis = at.axis(node, node.inputs[0], node.attrs.get("axis", 0))
    size = x.shape[axis]
    flat = [int(i) % size for i in indices.reshape(-1)]
    steps = {b - a for a, b in pairwise(flat)} or {1}
    if len(steps) > 1 or 0 in steps:
        raise UnsupportedError(node.name, node.op, "constant indices must be evenly spaced")
    step = steps.pop()
    end = flat[-1] + (1 if step > 0 else -1)
    at.done(node, at.build.slice(x, axis, flat[0], end if end >= 0 else -1 - size, step))


def pad(at: Context, node: FNode) -> None:
    if node.attrs.get("mode", b"constant") != b"constant":
        raise UnsupportedError(node.name, node.op, "only constant padding")
    value = at.const(node, 2) if _has(node, 2) else node.attrs.get("value", 0.0)
    if float(value) != 0:
        raise UnsupportedError(node.name, node.op, "only padding with zeros")
    x, rank = at.read(node), at.graph.rank(node.inputs[0])
    pads = node.attrs["pads"] if "pads" in node.attrs else at.const(node, 1).tolist()
    axes = at.const(node, 3).tolist() if _has(node, 3) else list(range(rank))
    begin = [0] * len(x.shape)
    for i, axis in enumerate(axes):
        if pads[i] or pads[i + len(axes)]:
            begin[at.axis(node, node.inputs[0], axis)] = int(pads[i])
        if min(pads[i], pads[i + len(axes)]) < 0:
            raise UnsupportedError(node.name, node.op, "negative padding")
    quant = x.quant
    zero_fits = quant.lo <= quant.zero <= quant.hi
    if not zero_fits:
        raise UnsupportedError(node.name, node.op, "its input has no element for zero")
    shape = at.shape(node.output)
    op = ir.Place(node.name, shape, x.view.order, quant, Finish(), x, tuple(begin))
    at.done(node, at.build.add(op))


def concat(at: Context, node: FNode) -> None:
    quant = at.plan.quant(node.output)
    axis = at.axis(node, node.output, node.attrs["axis"])
    parts = [at.build.requantise(at.read(node, i), quant, node.name) for i in range(_count(node))]
    joined = parts[0]
    for part in parts[1:]:
        joined = _join(at, node, joined, part, axis)
    at.done(node, joined)


def _count(node: FNode) -> int:
    return len(node.inputs)


def _join(at: Context, node: FNode, x: Value, y: Value, axis: int) -> Value:
    shape = list(x.shape)
    shape[axis] += y.shape[axis]
    zeros = (0,) * len(shape)
    after = tuple(x.shape[axis] if i == axis else 0 for i in range(len(shape)))
    op = ir.Place(node.name, tuple(shape), x.view.order, x.quant, Finish(), x, zeros, y, after)
    return at.build.add(op)
