# SPDX-License-Identifier: Apache-2.0
"""The reference: whole nodes in NumPy, equal to ``total`` in every element of every program."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import numpy as np

from verifiers.opml import exact, runs, total
from verifiers.opml.exact import Array
from verifiers.opml.gather import DTYPES, View
from verifiers.opml.program import BLOCK, DOT_BLOCK, Kind, Node, Op
from verifiers.opml.runs import Place, Side
from verifiers.opml.total import LANE_MASK, LEAST, Reader

# A float64 holds every integer up to this.
FLOAT_LIMIT = 1 << 53
RECORD = np.dtype([("b", "<i8"), ("m", "<i4"), ("s", "<u4")])


def execute(nodes: Sequence[Node], weights: bytes, given: bytes) -> list[bytes]:
    """Every node's output for the input ``given``, in order."""
    outputs: list[bytes] = []

    def reader(kind: int, index: int) -> bytes:
        if kind == Kind.TRACE:
            return outputs[index]
        return given if kind == Kind.INPUT else weights

    for j, node in enumerate(nodes):
        outputs.append(compute(node, j, reader))
    return outputs


def compute(node: Node, j: int, reader: Reader) -> bytes:
    """Node ``j``'s output."""
    a, b = (View.of(node, j, side, reader) for side in Side)
    acc = _reduced(node, a, b) if node.is_reduction else _elementwise(node, a, b)
    values = finish(node, acc, reader(Kind.WEIGHTS, 0))
    return np.broadcast_to(values, node.dims).tobytes()


def finish(node: Node, acc: Array, weights: bytes) -> Array:
    """The elements, little-endian, in the shape of ``acc`` and the parameters together."""
    bias, m, shift = parameters(node, weights)
    bound = exact.peak(acc) * exact.peak(m) + exact.peak(bias)
    acc, m, bias = exact.prepare(bound, acc, m, bias)
    value = exact.offset((acc * m + bias) >> shift, node.zo)
    least, greatest = total.bounds(node.out_code)
    for low, high in ((node.lo, node.hi), (least, greatest)):
        value = np.minimum(np.maximum(value, low), high)
    return value.astype(DTYPES[node.out_code & 3])


def parameters(node: Node, weights: bytes) -> tuple[Array, Array, Array]:
    """``b``, ``m`` and ``s mod 64`` by channel (1, 1, O2, O3), or one each (1, 1, 1, 1)."""
    if node.param_mode != 1:
        b, m, s = (np.full((1, 1, 1, 1), n) for n in (node.bias, node.m, node.shift % 64))
        return b, m, s
    _, _, o2, o3 = node.dims
    table = np.frombuffer(weights, RECORD, count=len(weights) // RECORD.itemsize)
    records = np.zeros(o2 * o3, RECORD)
    found = table[node.param_base : node.param_base + o2 * o3]
    records[: found.size] = found
    by_channel = records.reshape(1, 1, o2, o3)
    return by_channel["b"], by_channel["m"], by_channel["s"].astype(np.int64) % 64


def _reduced(node: Node, a: View, b: View) -> Array:
    join = exact.total if node.opcode in (Op.DOT, Op.SUM) else np.maximum
    acc = reduce(join, (_block(node, k, a, b) for k in range(node.blocks)))
    return LANE_MASK - (acc & LANE_MASK) if node.opcode == Op.ARGMAX else acc


def _block(node: Node, k: int, a: View, b: View) -> Array:
    """Block ``k`` of every element."""
    at = runs.place(node, 0, k)
    if node.opcode == Op.DOT:
        return _dot(a, b, at)
    rows = a.rows(at)
    values = a.centred(rows)
    if node.opcode == Op.SUM:
        (values,) = exact.prepare(exact.peak(values) * BLOCK, values)
        return np.asarray(values.sum(axis=-1))
    if node.opcode == Op.ARGMAX:
        lanes = LANE_MASK - (BLOCK * k + np.arange(at.count))
        values = exact.total(exact.scaled(values, LANE_MASK + 1), lanes)
    if not at.count:
        return np.full(rows.present.shape, LEAST)
    return np.where(rows.present, values.max(axis=-1), LEAST)


def _dot(a: View, b: View, at: Place) -> Array:
    """Through BLAS when a float64 holds every sum."""
    reach = [max(abs(v.operand.zero), abs(255 - v.operand.zero)) for v in (a, b)]
    is_small = DOT_BLOCK * reach[0] * reach[1] < FLOAT_LIMIT
    sums = contract(*(_lanes(view, at, np.float64 if is_small else object) for view in (a, b)))
    return sums.astype(np.int64) if is_small else sums


def _lanes(view: View, at: Place, kind: type) -> Array:
    return view.centred(view.rows(at)).astype(kind)


def contract(x: Array, y: Array) -> Array:
    """``sum_n x[..., n] * y[..., n]`` of arrays of rank 5 that broadcast, as matrix products."""
    extents = list(zip(x.shape[:4], y.shape[:4], strict=True))
    batch = [i for i, (g, h) in enumerate(extents) if g > 1 and h > 1]
    only_y = [i for i, (g, h) in enumerate(extents) if g == 1 and h > 1]
    only_x = [i for i in range(4) if i not in batch and i not in only_y]
    order = batch + only_x + only_y
    lead = [x.shape[i] for i in batch]
    left = x.transpose(*order, 4).reshape(*lead, prod(x.shape[i] for i in only_x), x.shape[4])
    right = y.transpose(*order, 4).reshape(*lead, prod(y.shape[i] for i in only_y), y.shape[4])
    sums: Array = left @ np.swapaxes(right, -1, -2)
    shape = [max(extents[i]) for i in order]
    return sums.reshape(shape).transpose(*np.argsort(order))


def _elementwise(node: Node, a: View, b: View) -> Array:
    at = runs.place(node, 0, 0)
    found = a.rows(at)
    x = a.centred(found)[..., 0]
    if node.opcode in (Op.LUT, Op.GATHER):
        return _looked_up(node, x, found.present, b, at)
    y = b.centred(b.rows(at))[..., 0]
    match node.opcode:
        case Op.ADD:
            return exact.total(exact.scaled(x, node.ma), exact.scaled(y, node.mb))
        case Op.MUL:
            return exact.product(x, y)
        case Op.DIV:
            return _quotient(exact.scaled(x, node.ma), y)
        case Op.SQRT:
            return exact.square_root(np.maximum(x, 0))
        case Op.MOVE:
            return np.where(found.present, exact.scaled(x, node.ma), exact.scaled(y, node.mb))
    return np.zeros((1, 1, 1, 1), np.int64)


def _quotient(x: Array, y: Array) -> Array:
    """Rounded; 0 where ``y`` is not positive."""
    divisor = np.maximum(y, 1)
    quotient = exact.total(x, y // 2) // divisor
    return np.where(y > 0, quotient, 0)


def _looked_up(node: Node, x: Array, is_present: Array, b: View, at: Place) -> Array:
    if node.opcode == Op.LUT:
        within, row = np.array(node.rows > 0), np.minimum(np.maximum(x, 0), node.rows - 1)
    else:
        within = is_present & (x >= 0) & (x < node.rows)
        row = exact.scaled(np.where(within, x, 0), node.gstride)
    found = b.rows(at, row)
    return np.where(within, b.centred(found)[..., 0], 0)
