# SPDX-License-Identifier: Apache-2.0
"""Nodes that only move elements: most of them become views."""

from __future__ import annotations

from functools import reduce

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import FNode
from verifiers.opml.compiler.ir import Finish, Quant, Value
from verifiers.opml.compiler.quantise.context import Context

_MOST_RUNS = 16


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
    """Constant indices; tokens into a constant table are nodes ``Table``."""
    if node.inputs[0] not in at.values:
        raise UnsupportedError(node.name, node.op, "only rows of a matrix, by whole tokens")
    x, indices = at.read(node), at.const(node, 1)
    axis = at.axis(node, node.inputs[0], node.attrs.get("axis", 0))
    size = x.shape[axis]
    runs = _runs([int(i) % size for i in indices.reshape(-1)])
    if len(runs) > _MOST_RUNS:
        raise UnsupportedError(node.name, node.op, "its indices are too irregular")
    parts = []
    for first, last, step in runs:
        end = last + (1 if step > 0 else -1)
        parts.append(at.build.slice(x, axis, first, end if end >= 0 else -1 - size, step))
    at.done(node, reduce(lambda joined, part: _join(at, node, joined, part, axis), parts))


def _runs(indices: list[int]) -> list[tuple[int, int, int]]:
    """First, last and step of indices at equal distances."""
    found: list[tuple[int, int, int]] = []
    for index in indices:
        first, last, step = found[-1] if found else (0, 0, 0)
        if found and index != last and (first == last or index - last == step):
            found[-1] = (first, index, index - last)
        else:
            found.append((index, index, 1))
    return found


def pad(at: Context, node: FNode) -> None:
    if node.attrs.get("mode", b"constant") != b"constant":
        raise UnsupportedError(node.name, node.op, "only constant padding")
    value = at.const(node, 2) if _has(node, 2) else node.attrs.get("value", 0.0)
    x, rank = at.read(node), at.graph.rank(node.inputs[0])
    pads = node.attrs["pads"] if "pads" in node.attrs else at.const(node, 1).tolist()
    axes = at.const(node, 3).tolist() if _has(node, 3) else list(range(rank))
    begin = [0] * len(x.shape)
    for i, axis in enumerate(axes):
        if pads[i] or pads[i + len(axes)]:
            begin[at.axis(node, node.inputs[0], axis)] = int(pads[i])
        if min(pads[i], pads[i + len(axes)]) < 0:
            raise UnsupportedError(node.name, node.op, "negative padding")
    quant, filling = x.quant, round(float(value) / x.quant.scale)
    if not quant.lo <= quant.zero + filling <= quant.hi:
        raise UnsupportedError(node.name, node.op, f"its input has no element for {float(value)}")
    fill = at.build.const(np.full((1,) * len(x.shape), filling), quant.scale) if filling else None
    shape = at.shape(node.output)
    op = ir.Place(node.name, shape, x.view.order, quant, Finish(), x, tuple(begin), fill)
    at.done(node, at.build.add(op))


def concat(at: Context, node: FNode) -> None:
    quant = at.plan.quant(node.output)
    axis = at.axis(node, node.output, node.attrs["axis"])
    parts = [_part(at, node, i, quant) for i in range(len(node.inputs))]
    at.done(node, reduce(lambda joined, part: _join(at, node, joined, part, axis), parts))


def _part(at: Context, node: FNode, index: int, quant: Quant) -> Value:
    """An input of Concat in the output's elements."""
    name = node.inputs[index]
    if name in at.values:
        return at.build.requantise(at.values[name], quant, node.name)
    reals = np.asarray(at.graph.consts[name], np.float64)
    lead = at.graph.rank(node.output) - len(at.shape(node.output))
    whole = np.rint(reals.reshape(reals.shape[lead:]) / quant.scale)
    return at.build.requantise(at.build.const(whole, quant.scale), quant, node.name)


def _join(at: Context, node: FNode, x: Value, y: Value, axis: int) -> Value:
    shape = list(x.shape)
    shape[axis] += y.shape[axis]
    zeros = (0,) * len(shape)
    after = tuple(x.shape[axis] if i == axis else 0 for i in range(len(shape)))
    op = ir.Place(node.name, tuple(shape), x.view.order, x.quant, Finish(), x, zeros, y, after)
    return at.build.add(op)
