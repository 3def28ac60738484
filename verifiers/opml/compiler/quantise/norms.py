# SPDX-License-Identifier: Apache-2.0
"""LayerNorm and Softmax from sums, roots, tables and divisions of integers.

LayerNorm: with S and Q the sums of x and x * x over n elements, n * Q - S * S is n * n times the
variance. The large tensors stay below 2^24; roots and divisions happen once a row, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, isqrt, log, log2, prod

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.builder import line, multiplier
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import Array, FNode
from verifiers.opml.compiler.ir import Finish, Quant, Value
from verifiers.opml.compiler.quantise.context import Context
from verifiers.opml.compiler.quantise.elementwise import lut
from verifiers.opml.compiler.quantise.reductions import exact, over
from verifiers.opml.program import Code

_CENTRED = 4095
_MOST_INVERSE = 4000
_MOST_NORMAL = 2047
_ROOM = 1 << 51
_TABLE_BITS = 15
_COARSEST = 0.25


@dataclass(frozen=True)
class _Row:
    """One LayerNorm: its input, axes, count, and its node's name."""

    at: Context
    node: FNode
    x: Value
    axes: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.x.shape[a] for a in self.axes)

    @property
    def bits(self) -> int:
        """How many bits of x less its mean there is room for, beyond those of x."""
        return (_CENTRED // (self.x.quant.hi - self.x.quant.lo)).bit_length() - 1

    def name(self, part: str) -> str:
        return f"{self.node.name}/{part}"

    def keep(self, value: Value) -> Value:
        """The reduced axes back, with size 1."""
        shape = tuple(1 if a in self.axes else n for a, n in enumerate(self.x.shape))
        return self.at.build.reshape(value, shape, self.node.name)

    def small(self, kind: str, x: Value, y: Value, quant: Quant, **fields: object) -> Value:
        """An element-by-element node over one number a row."""
        finish = fields.pop("finish", Finish())
        op = ir.Binary(
            self.name(str(fields.pop("part"))),
            x.shape if x.view.size >= y.view.size else y.shape,
            (x if x.view.size >= y.view.size else y).view.order,
            quant,
            finish,  # type: ignore[arg-type]
            kind,
            x,
            y,
            **fields,  # type: ignore[arg-type]
        )
        return self.at.build.add(op)


def layer_norm(at: Context, node: FNode) -> None:
    tensor = node.inputs[0]
    axes = tuple(sorted(at.axis(node, tensor, axis) for axis in node.attrs["axes"]))
    x = at.read(node)
    if x.quant.code not in (Code.U8, Code.U16) or x.quant.hi - x.quant.lo > _CENTRED:
        x = at.build.requantise(x, at.plan.byte(tensor), node.name)
    row = _Row(at, node, at.build.packed(x, axes, node.name), axes)
    if row.count > 4096:
        raise UnsupportedError(node.name, node.op, "more than 4096 numbers in a row")
    total = row.keep(over(at, node, row.x, axes, "SUM"))
    root, root_bits = _root(row, total)
    inverse, bits = _inverse(row, root, root_bits)
    centred = _centred(row, replace(row, x=x).x, total)
    normal, fraction = _normal(row, centred, inverse, bits)
    at.done(node, _affine(row, normal, fraction))


def _root(row: _Row, total: Value) -> tuple[Value, int]:
    """``2**bits * n * deviation / scale``, at least 1."""
    x, n = row.x, row.count
    q = row.keep(_squares(row))
    most = total.quant.reach**2
    s2 = row.small("MUL", total, total, replace(exact(1.0, most), lo=0), part="square")
    bound = n * q.quant.reach + most
    eps = row.node.attrs["eps"] * (n / x.quant.scale) ** 2
    bits = max(0, floor(log2(_ROOM / (bound + eps)) / 2))
    m, bias = 4**bits, max(1, round(eps * 4**bits))
    quant = replace(exact(1.0, bound * m + bias), lo=1)
    v = row.small("ADD", q, s2, quant, ma=n, mb=-1, finish=Finish(m, bias), part="variance")
    reach = replace(exact(1.0, isqrt(quant.hi)), lo=1)
    op = ir.Unary(row.name("root"), v.shape, v.view.order, reach, Finish(), "SQRT", v)
    return row.at.build.add(op), bits


def _squares(row: _Row) -> Value:
    """The sum of squares: of bytes in one node."""
    x, most = row.x, row.x.quant.reach**2
    if x.quant.code != Code.U8:
        each = row.small("MUL", x, x, replace(exact(1.0, most), lo=0), part="squares")
        total = over(row.at, row.node, each, row.axes, "SUM")
        return replace(total, quant=replace(total.quant, lo=0))
    rest = [a for a in range(len(x.shape)) if a not in row.axes]
    order = tuple(rest.index(a) for a in x.view.order if a in rest)
    quant = replace(exact(1.0, row.count * most), lo=0)
    shape = tuple(x.shape[a] for a in rest)
    inner = ir.Inner(row.name("squares"), shape, order, quant, Finish(), x, row.axes)
    return row.at.build.add(inner)


def _inverse(row: _Row, root: Value, root_bits: int) -> tuple[Value, int]:
    """``2**bits * scale / deviation``, at most 4095, which the least usual deviation comes near."""
    least = row.at.plan.statistics.deviations[row.node.output]
    bits = floor(log2(_MOST_INVERSE * least / row.x.quant.scale))
    factor = max(1, round(row.count * 2.0 ** (bits + root_bits)))
    one = row.at.build.const(np.ones((1,) * len(root.shape), np.int64))
    quant = Quant(1.0, 0, Code.I32, 0, _MOST_INVERSE)
    return row.small("DIV", one, root, quant, ma=factor, part="inverse"), bits


def _centred(row: _Row, x: Value, total: Value) -> Value:
    """``2**row.bits * (x - mean)``."""
    m, shift = multiplier(2.0**row.bits / row.count, total.quant.reach, 1 << 46)
    mean_reach = (x.quant.reach + 1) << row.bits
    op = ir.Unary(
        row.name("mean"),
        total.shape,
        total.view.order,
        exact(1.0, mean_reach),
        Finish(m, (1 << shift) >> 1, shift),
        "MOVE",
        total,
    )
    mean = row.at.build.add(op)
    reach = (x.quant.hi - x.quant.lo) << row.bits
    quant = exact(1.0, reach)
    return row.small("ADD", x, mean, quant, ma=1 << row.bits, mb=-1, part="centred")


def _normal(row: _Row, centred: Value, inverse: Value, bits: int) -> tuple[Value, int]:
    """``2**fraction * (x - mean) / deviation``."""
    most = max(row.at.plan.statistics.normals[row.node.output], 1e-3)
    fraction = min(floor(log2(_MOST_NORMAL / most)), row.bits + bits)
    shift = row.bits + bits - fraction
    quant = exact(1.0, _MOST_NORMAL)
    finish = Finish(1, (1 << shift) >> 1, shift)
    value = row.small("MUL", centred, inverse, quant, finish=finish, part="normal")
    return value, fraction


def _affine(row: _Row, normal: Value, fraction: int) -> Value:
    """Times gamma plus beta, in the output's elements."""
    at, node = row.at, row.node
    quant = at.plan.quant(node.output)
    rank = len(normal.shape)
    gamma, beta = (_trim(node.attrs[name], rank) for name in ("gamma", "beta"))
    varying = [a for a in range(rank) if max(gamma.shape[a], beta.shape[a]) > 1]
    if len(varying) > 1:
        raise UnsupportedError(node.name, node.op, "gamma and beta vary along more than one axis")
    shape = tuple(normal.shape[a] if a in varying else 1 for a in range(rank))
    gain = np.broadcast_to(gamma, shape).reshape(-1) / quant.scale / 2.0**fraction
    offset = np.broadcast_to(beta, shape).reshape(-1) / quant.scale
    finish = line(gain, offset, normal.quant.reach)
    order = [a for a in normal.view.order if a not in varying] + varying
    op = ir.Unary(node.name, normal.shape, tuple(order), quant, finish, "MOVE", normal)
    return at.build.add(op)


def _trim(value: Array, rank: int) -> Array:
    while value.ndim > rank:
        value = value[0]
    return value.reshape((1,) * (rank - value.ndim) + value.shape)


def softmax(at: Context, node: FNode) -> None:
    """Table of exp(x - max), sum, division; rows of up to 4096."""
    x = at.read(node)
    axis = at.axis(node, node.inputs[0], node.attrs["axis"])
    count = x.shape[axis]
    if x.quant.scale > _COARSEST:
        reason = f"its input's steps of {x.quant.scale:.2g} are too coarse for exponentials"
        raise UnsupportedError(node.name, node.op, reason)
    quant = at.plan.quant(node.output)
    levels = (1 << 16) - 1 if quant.code == Code.U16 else 255
    row = _Row(at, node, x, (axis,))
    top = row.keep(over(at, node, x, (axis,), "MAX"))
    bits = min(_TABLE_BITS, 23 - (count - 1).bit_length())
    below, table = _powers(x.quant, bits)
    down = row.small("ADD", x, top, replace(below, code=x.quant.code), ma=-1, mb=1, part="below")
    full = (1 << bits) - 1
    power = at.build.add(lut(row.name("exp"), down, Quant(1.0 / full, 0, Code.U16, 0, full), table))
    total = over(at, node, power, (axis,), "SUM")
    total = replace(total, quant=replace(total.quant, lo=0))
    out = Quant(1.0 / levels, 0, quant.code, 0, levels)
    at.done(node, row.small("DIV", power, row.keep(total), out, ma=levels, part="share"))


def _powers(x: Quant, bits: int) -> tuple[Quant, Array]:
    """How far below the maximum elements matter, and exp of that in ``bits`` bits."""
    full = (1 << bits) - 1
    rows = min(x.hi - x.lo, int(log(4.0 * full) / x.scale) + 1)
    table = np.floor(np.exp(-np.arange(rows + 1) * x.scale) * full + 0.5).astype(np.int64)
    return Quant(x.scale, 0, x.code, 0, rows), table


def softmax_native(at: Context, node: FNode) -> None:
    """Before opset 13, Softmax flattens everything from its axis on."""
    old = at.graph.opset < 13
    axis = node.attrs.get("axis", 1 if old else -1)
    shape = at.graph.shapes[node.inputs[0]]
    if old and any(size != 1 for size in shape[axis % len(shape) + 1 :]):
        raise UnsupportedError(node.name, node.op, "it flattens several dimensions (opset < 13)")
    node.attrs = {"axis": axis}
    softmax(at, node)
