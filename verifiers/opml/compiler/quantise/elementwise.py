# SPDX-License-Identifier: Apache-2.0
"""Functions of one number, sums and products of tensors, and changes of type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.builder import line, multiplier, multiplier_below
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import Array, FNode
from verifiers.opml.compiler.ir import CODE_RANGE, Finish, Quant, Value
from verifiers.opml.compiler.patterns.linear import affine
from verifiers.opml.compiler.plan import HardSwish
from verifiers.opml.compiler.quantise.context import Context, limited
from verifiers.opml.program import Code

_WIDEST_TABLE = 1 << 16
# Some bits less than float32 has, which lowerings need to round.
_ROOM = 1 << 22


def function(at: Context, node: FNode) -> None:
    x = at.read(node)
    gate = at.plan.gate(node.inputs[0])
    if gate is not None and x.quant == gate.quant:
        at.done(node, _hard_swish(at, node, x, gate))
        return
    quant = at.plan.quant(node.output)
    at.done(node, at.build.add(lut(node.name, x, quant, quant.element(values(node, x.quant)))))


def _hard_swish(at: Context, node: FNode, x: Value, gate: HardSwish) -> Value:
    """x times a gate of zero to six, over a power of two."""
    open_ = Quant(x.quant.scale, 0, Code.U16, 0, 2 * gate.three)
    finish, name = Finish(1, gate.three, 0), f"{node.name}/gate"
    factor = at.build.add(ir.Gate(name, x.shape, x.view.order, open_, finish, x, gate.three))
    finish = Finish(1, (1 << gate.shift) >> 1, gate.shift)
    return at.build.add(
        ir.Binary(
            node.name, x.shape, x.view.order, gate.output, finish, "MUL", x, factor, gate=gate.three
        )
    )


def values(node: FNode, quant: Quant) -> Array:
    """The function at every element from 0 to the largest that occurs."""
    if quant.lo < 0 or quant.hi >= _WIDEST_TABLE:
        raise UnsupportedError(node.name, node.op, f"a table of {quant.hi + 1} rows is too large")
    result: Array = node.attrs["call"](quant.real(np.arange(quant.hi + 1)))
    return result


def lut(name: str, x: Value, quant: Quant, table: Array) -> ir.Lut:
    """A lookup; what the table holds bounds the elements."""
    found = replace(quant, lo=int(table.min()), hi=int(table.max()))
    return ir.Lut(name, x.shape, x.view.order, found, Finish(), x, table)


def scale(at: Context, node: FNode) -> None:
    at.done(node, at.build.scaled(at.read(node), node.attrs["factor"]))


def add(at: Context, node: FNode) -> None:
    x, y = at.operand(node, 0), at.operand(node, 1)
    quant = limited(at.plan.quant(node.output), node.attrs.get("clamp"))
    signs = (1, -1) if node.op == "Sub" else (1, 1)
    at.done(node, weighted_sum(at, node, (x, y), signs, quant))


def weighted_sum(
    at: Context, node: FNode, terms: tuple[Value, Value], signs: tuple[int, int], quant: Quant
) -> Value:
    """``x * ma + y * mb`` over a common power of two."""
    ratios = [value.quant.scale / quant.scale for value in terms]
    reach = sum(v.quant.reach * r for v, r in zip(terms, ratios, strict=True))
    _, shift = multiplier(1.0, max(1, int(reach) + 1)) if ratios == [1, 1] else (1, _room(reach))
    factors = [sign * round(r * 2**shift) for sign, r in zip(signs, ratios, strict=True)]
    while shift and all(factor % 2 == 0 for factor in factors):
        factors, shift = [factor // 2 for factor in factors], shift - 1
    x, y = terms
    shape = tuple(np.broadcast_shapes(x.shape, y.shape))
    finish = Finish(1, (1 << shift) >> 1, shift)
    order = (x if x.view.size >= y.view.size else y).view.order
    op = ir.Binary(node.name, shape, order, quant, finish, "ADD", x, y, *factors)
    return at.build.add(op)


def _room(reach: float) -> int:
    """The greatest shift that keeps a sum of ``reach`` steps below 2^22."""
    return max(0, min(20, int(np.floor(np.log2((1 << 22) / max(reach, 1.0))))))


def multiply(at: Context, node: FNode) -> None:
    """The output's scale becomes what the nearest multiplier stands for."""
    x, y = at.operand(node, 0), at.operand(node, 1)
    want = at.plan.quant(node.output)
    scales = x.quant.scale * y.quant.scale
    m, shift = multiplier_below(scales / want.scale, x.quant.reach * y.quant.reach, _ROOM)
    quant = limited(replace(want, scale=scales * 2.0**shift / m), node.attrs.get("clamp"))
    shape = tuple(np.broadcast_shapes(x.shape, y.shape))
    order = (x if x.view.size >= y.view.size else y).view.order
    finish = Finish(m, (1 << shift) >> 1, shift)
    at.done(node, at.build.add(ir.Binary(node.name, shape, order, quant, finish, "MUL", x, y)))


def divide(at: Context, node: FNode) -> None:
    """By constants: times their inverses."""
    c = np.asarray(at.const(node, 1), np.float64)
    if node.inputs[0] not in at.values or not np.all(c):
        raise UnsupportedError(node.name, node.op, "only activations by constants other than 0")
    inverse = at.graph.add_const(f"{node.inputs[1]}/inverse", 1 / c)
    multiply(at, replace(node, inputs=[node.inputs[0], inverse]))


def batch_norm(at: Context, node: FNode) -> None:
    """One that follows no linear node: a multiplier and a bias for each channel."""
    found = affine(at.graph, node)
    if found is None or node.attrs.get("training_mode", 0):
        raise UnsupportedError(node.name, node.op, "its statistics must be constant")
    x, quant = at.read(node), at.plan.quant(node.output)
    axis = at.axis(node, node.inputs[0], 1)
    gain, offset = (part.reshape(-1) for part in found[1:])
    finish = line(gain * x.quant.scale / quant.scale, offset / quant.scale, x.quant.reach)
    order = (*(a for a in x.view.order if a != axis), axis)
    at.done(node, at.build.add(ir.Unary(node.name, x.shape, order, quant, finish, "MOVE", x)))


def cast(at: Context, node: FNode) -> None:
    """Between integers, or from integers to floats: the elements stand for the same numbers."""
    kind = at.graph.dtypes[node.output].kind
    if kind not in "iuf" or at.graph.dtypes[node.inputs[0]].kind not in "iu":
        raise UnsupportedError(node.name, node.op, f"a cast to {at.graph.dtypes[node.output]}")
    at.done(node, at.read(node))


def table(at: Context, node: FNode) -> None:
    """Rows of an embedding by integer tokens."""
    ids = at.read(node)
    if ids.quant.scale != 1 or ids.quant.zero != 0:
        raise UnsupportedError(node.name, node.op, "its indices are no whole numbers")
    quant = at.plan.quant(node.output)
    rows = quant.element(node.attrs["table"])
    found = replace(quant, lo=min(0, int(rows.min())), hi=int(rows.max()))
    shape = (*ids.shape, rows.shape[1])
    op = ir.Rows(node.name, shape, tuple(range(len(shape))), found, Finish(), ids, rows)
    at.done(node, at.build.add(op))


def arg_max(at: Context, node: FNode) -> None:
    """The first of equals."""
    if node.attrs.get("select_last_index", 0):
        raise UnsupportedError(node.name, node.op, "only the first of equal numbers")
    x = at.read(node)
    axis = at.axis(node, node.inputs[0], node.attrs.get("axis", 0))
    x = at.build.packed(x, [axis], node.name)
    if x.shape[axis] > 4096:
        raise UnsupportedError(node.name, node.op, "more than 4096 numbers to choose from")
    rest = [a for a in range(len(x.shape)) if a != axis]
    shape = tuple(x.shape[a] for a in rest)
    order = tuple(rest.index(a) for a in x.view.order if a != axis)
    code = Code.U8 if x.shape[axis] <= CODE_RANGE[Code.U8][1] + 1 else Code.U16
    quant = Quant(1.0, 0, code, 0, x.shape[axis] - 1)
    op = ir.Reduce(node.name, shape, order, quant, Finish(), "ARGMAX", x, (axis,))
    at.done(node, at.build.add(op))
