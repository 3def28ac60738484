# SPDX-License-Identifier: Apache-2.0
"""One small emitter for each kind of operation: IR -> descriptor."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.emit import windows
from verifiers.opml.compiler.emit.blob import WEIGHT_ZERO, Blob
from verifiers.opml.compiler.emit.geometry import NO_AXIS, Axes, axes, counting, sizes, spread
from verifiers.opml.compiler.views import Loop, View, loops
from verifiers.opml.program import Axis, Code, Kind, Node, Op, Operand


def emit(program: ir.Program) -> tuple[list[Node], bytes]:
    """The nodes in order, and the weights blob."""
    blob = Blob()
    emitter = Emitter(blob, [blob.add(c, Code.I32) for c in program.consts])
    nodes = [emitter.node(op) for op in program.ops]
    return nodes, blob.data()


class Emitter:
    """Turns operations into nodes and puts their constants into the blob."""

    def __init__(self, blob: Blob, const_bases: list[int]) -> None:
        self.blob = blob
        self._const_bases = const_bases

    def node(self, op: ir.Op) -> Node:
        return EMITTERS[type(op)](self, op)

    def operand(self, value: ir.Value, where: Axes, zero: int | None = None) -> Operand:
        index, base = value.index, value.view.base
        if value.kind == Kind.WEIGHTS:
            index, base = 0, base + self._const_bases[value.index]
        quant = value.quant
        used = quant.zero if zero is None else zero
        return Operand(value.kind, quant.code, index, used, base, where)

    def weights(self, base: int, code: Code, where: Axes, zero: int = 0) -> Operand:
        return Operand(Kind.WEIGHTS, code, 0, zero, base, where)

    def finish(self, op: ir.Op, channels: int = 0) -> dict[str, Any]:
        """The fields that every node has."""
        quant, finish = op.quant, op.finish
        fields: dict[str, Any] = {
            "out_code": quant.code,
            "zo": quant.zero,
            "lo": quant.lo,
            "hi": quant.hi,
        }
        if finish.per_channel:
            base = self.blob.add_records(finish, channels)
            return fields | {"param_mode": 1, "param_base": base}
        return fields | {"m": int(finish.m), "bias": int(finish.bias), "shift": int(finish.shift)}


def _dense(e: Emitter, op: ir.Dense) -> Node:
    k, n = op.weight.shape
    base = e.blob.add_weights(op.weight.T)
    rows = View((*op.x.shape[:-1], n), (*op.x.view.strides[:-1], 0))
    columns = View(rows.shape, (0,) * (len(rows.shape) - 1) + (k,))
    found = spread(loops(op.shape, op.order, [rows, columns], True), op.name, n)
    return Node(
        Op.DOT,
        lanes=k,
        shape=sizes(found),
        a=e.operand(op.x, axes(found, 0)),
        b=e.weights(base, Code.U8, axes(found, 1), WEIGHT_ZERO),
        **e.finish(op, n),
    )


def _product(e: Emitter, op: ir.Product) -> Node:
    x, y = op.x.view, op.y.view
    batch = op.shape[:-2]
    left = x.expand((*batch, *x.shape[-2:]))
    right = y.expand((*batch, *y.shape[-2:]))
    rows = View(op.shape, (*left.strides[:-1], 0))
    columns = View(op.shape, (*right.strides[:-2], 0, right.strides[-1]))
    found = spread(loops(op.shape, op.order, [rows, columns]), op.name)
    return Node(
        Op.DOT,
        lanes=x.shape[-1],
        shape=sizes(found),
        a=e.operand(op.x, axes(found, 0)),
        b=e.operand(op.y, axes(found, 1)),
        **e.finish(op),
    )


def _over(e: Emitter, op: ir.Reduce | ir.Inner, opcode: Op) -> Node:
    view = op.x.view
    rest = [axis for axis in range(len(view.shape)) if axis not in op.axes]
    kept = View(op.shape, tuple(view.strides[axis] for axis in rest))
    found = spread(loops(op.shape, op.order, [kept]), op.name)
    a = e.operand(op.x, axes(found, 0))
    b = a if opcode == Op.DOT else Operand()
    lanes = prod(view.shape[axis] for axis in op.axes)
    return Node(opcode, lanes=lanes, shape=sizes(found), a=a, b=b, **e.finish(op))


def _inner(e: Emitter, op: ir.Inner) -> Node:
    return _over(e, op, Op.DOT)


def _reduce(e: Emitter, op: ir.Reduce) -> Node:
    return _over(e, op, Op[op.kind])


def _binary(e: Emitter, op: ir.Binary) -> Node:
    x, y = op.x.view.expand(op.shape), op.y.view.expand(op.shape)
    found = spread(loops(op.shape, op.order, [x, y], op.channels > 0), op.name, op.channels)
    return Node(
        Op[op.kind],
        shape=sizes(found),
        ma=op.ma,
        mb=op.mb,
        a=e.operand(op.x, axes(found, 0)),
        b=e.operand(op.y, axes(found, 1)),
        **e.finish(op, op.channels),
    )


def _unary(e: Emitter, op: ir.Unary) -> Node:
    channels = op.channels
    found = spread(loops(op.shape, op.order, [op.x.view], channels > 0), op.name, channels)
    return Node(
        Op[op.kind],
        shape=sizes(found),
        a=e.operand(op.x, axes(found, 0)),
        **e.finish(op, channels),
    )


def _gate(e: Emitter, op: ir.Gate) -> Node:
    found = spread(loops(op.shape, op.order, [op.x.view]), op.name)
    return Node(Op.MOVE, shape=sizes(found), a=e.operand(op.x, axes(found, 0)), **e.finish(op))


def _lut(e: Emitter, op: ir.Lut) -> Node:
    base = e.blob.add(op.table, op.quant.code)
    found = spread(loops(op.shape, op.order, [op.x.view]), op.name)
    fields = e.finish(op) | {"zo": 0}
    return Node(
        Op.LUT,
        shape=sizes(found),
        rows=len(op.table),
        a=e.operand(op.x, axes(found, 0), zero=0),
        b=e.weights(base, op.quant.code, (NO_AXIS,) * 4),
        **fields,
    )


def _rows(e: Emitter, op: ir.Rows) -> Node:
    rows, width = op.table.shape
    base = e.blob.add(op.table, op.quant.code)
    ids = View(op.shape, (*op.x.view.strides, 0))
    cells = View(op.shape, (0,) * len(op.x.shape) + (1,))
    found = spread(loops(op.shape, op.order, [ids, cells]), op.name)
    fields = e.finish(op) | {"zo": 0}
    return Node(
        Op.GATHER,
        shape=sizes(found),
        rows=rows,
        gstride=width,
        a=e.operand(op.x, axes(found, 0)),
        b=e.weights(base, op.quant.code, axes(found, 1)),
        **fields,
    )


def _place(e: Emitter, op: ir.Place) -> Node:
    """Presence is judged per axis, so no dimensions are merged but those of size 1 dropped."""
    kept = [axis for axis in op.order if op.shape[axis] > 1]
    found = spread([Loop(op.shape[axis], (0,)) for axis in kept], op.name)
    pad = 4 - len(kept)

    def part(value: ir.Value, at: tuple[int, ...]) -> Operand:
        view = value.view
        used = [NO_AXIS] * pad + [
            Axis(1, 0, -at[a], view.shape[a] - 1, view.strides[a]) for a in kept
        ]
        return e.operand(value, (used[0], used[1], used[2], used[3]))

    b = Operand()
    if op.y is not None:
        b = part(op.y, op.y_at) if op.y_at else e.operand(op.y, (NO_AXIS,) * 4)
    return Node(
        Op.MOVE,
        shape=sizes(found),
        ma=op.ma,
        mb=op.mb,
        a=part(op.x, op.at),
        b=b,
        **e.finish(op),
    )


def _conv(e: Emitter, op: ir.Conv) -> Node:
    """Output (OH, OW, groups, OC / groups), taps over the kernel, lanes over a group's channels."""
    out_channels, lanes = op.weight.shape[:2]
    channels_last = np.moveaxis(op.weight, 1, -1)
    base = e.blob.add_weights(channels_last)
    per_group = out_channels // op.groups
    shape, taps, where = windows.axes(op, op.x.view, op.strides, op.pads, op.dilations)
    kernel = windows.kernel_axes(op.weight.shape[2:], lanes)
    row = lanes * prod(op.weight.shape[2:])
    group = counting(op.groups, op.x.view.strides[0] * lanes)
    return Node(
        Op.DOT,
        lanes=lanes,
        shape=(*shape, op.groups, per_group),
        taps=taps,
        a=e.operand(op.x, (*where, group, NO_AXIS)),
        b=e.weights(
            base,
            Code.U8,
            (*kernel, counting(op.groups, row * per_group), counting(per_group, row)),
            WEIGHT_ZERO,
        ),
        **e.finish(op, out_channels),
    )


def _pool(e: Emitter, op: ir.Pool) -> Node:
    shape, taps, where = windows.axes(op, op.x.view, op.strides, op.pads, op.dilations)
    channels = counting(op.x.shape[0], op.x.view.strides[0])
    return Node(
        Op[op.kind],
        lanes=1,
        shape=(*shape, 1, op.x.shape[0]),
        taps=taps,
        a=e.operand(op.x, (*where, NO_AXIS, channels)),
        **e.finish(op, op.x.shape[0]),
    )


EMITTERS: dict[type[ir.Op], Callable[[Emitter, Any], Node]] = {
    ir.Dense: _dense,
    ir.Product: _product,
    ir.Inner: _inner,
    ir.Reduce: _reduce,
    ir.Binary: _binary,
    ir.Wide: _binary,
    ir.Unary: _unary,
    ir.Gate: _gate,
    ir.Lut: _lut,
    ir.Rows: _rows,
    ir.Place: _place,
    ir.Conv: _conv,
    ir.Pool: _pool,
}
