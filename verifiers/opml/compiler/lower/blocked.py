# SPDX-License-Identifier: Apache-2.0
"""Convolutional parts of the float32 model in what onnxruntime keeps in its blocked layout.

Floor and Clip would make it leave that layout after each convolution, and channels that don't fill
its blocks would too. Here they are *images*: with channels that nobody reads up to a whole block,
and elements made as in ``rounding``. Some images hold other numbers than elements less zero, which
their readers know: elements less the least one (``base``), or reals (``is_real``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.ir import Finish, Step, Value
from verifiers.opml.compiler.lower import linear, rounding
from verifiers.opml.compiler.lower.common import pool_window
from verifiers.opml.compiler.lower.finish import bounded
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.rounding import affine, each, lanes, moved
from verifiers.opml.program import Kind

Maker = Callable[[Lowering, int, Any], str]
# Up to this shift HardSwish of reals has room for its rounding errors: they stay below 2^-12 of a
# step, and numbers lie at least 2^-11 away from where they would be rounded otherwise.
MOST_GATE_SHIFT = 10


def emitter(at: Lowering, op: ir.Op) -> str:
    """As operations read it that are no images: without the channels that nobody reads."""
    if maker(at, at.current) is None:
        return linear.PLAIN[type(op)](at, op)
    return _cut(at, op.shape[0], image(at, at.current))


def _dense(at: Lowering, op: ir.Dense) -> str:
    """Over all of an image: a convolution that sees it once."""
    source = Value(op.x.kind, op.x.index, op.x.view, op.x.quant)
    shape = at.program.ops[op.x.index].shape if is_image(at, source) else ()
    if op.x.steps != (Step("Reshape", ((int(np.prod(shape)),),)),):
        return linear.dense(at, op)
    weight, bias = linear.scaled_weight(at, op, 1)
    kernel = weight.T.reshape(-1, *shape)
    more = [(0, 0), (0, lanes(shape[0]) - shape[0]), (0, 0), (0, 0)]
    consts = at.w.const(np.pad(kernel, more)), at.w.const(bias)
    acc = bounded(at.w, op, at.w("Conv", image(at, op.x.index), *consts), at.exit(), weight.dtype)
    return at.w("Reshape", acc, at.w.ints(-1, len(bias)))


def _cut(at: Lowering, count: int, x: str) -> str:
    if lanes(count) == count:
        return x
    return at.w("Slice", x, at.w.ints(0), at.w.ints(count), at.w.ints(1))


def _reduce(at: Lowering, op: ir.Reduce) -> str:
    if not _sums(at, op) or base(at, at.current):
        return linear.PLAIN[ir.Reduce](at, op)
    found = _cut(at, op.x.shape[0], _sum(at, at.current))
    return at.w("Reshape", found, at.w.ints(-1, op.x.shape[0]))


def image(at: Lowering, index: int) -> str:
    if index not in at.images:
        made = maker(at, index)
        assert made is not None
        at.images[index] = made(at, index, at.program.ops[index])
    return at.images[index]


def maker(at: Lowering, index: int) -> Maker | None:
    """How to make an operation's image; None when it has none."""
    op = at.program.ops[index]
    if len(op.shape) != 3 or index == at.program.output or not at.leave(index).floor:
        return None
    if isinstance(op, ir.Pool):
        return _pool if op.kind == "MAX" and is_image(at, op.x) else None
    if isinstance(op, ir.Unary):
        same = op.kind == "MOVE" and op.quant == op.x.quant and _is_plain(op.finish)
        return _copy if same and is_image(at, op.x) else None
    if not rounding.fits(op):
        return None
    if isinstance(op, ir.Conv) and np.any(op.finish.shift):
        return _conv if op.groups == 1 or _is_depthwise(at, op) else None
    return _binary(at, index, op) if isinstance(op, ir.Binary) else None


def _binary(at: Lowering, index: int, op: ir.Binary) -> Maker | None:
    if op.gate is not None:
        real = is_image(at, op.x) and is_real(at, op.x.index)
        return _swish if real and is_swish(at, index) else None
    if op.kind == "ADD" and op.x.shape == op.y.shape == op.shape:
        return _add if is_image(at, op.x) and is_image(at, op.y) else None
    spread = op.y.shape == (op.shape[0], 1, 1) and op.x.shape == op.shape
    if op.kind == "MUL" and spread and is_image(at, op.x):
        return _scaled if _is_seen(at, op.y) else None
    return None


def _is_plain(finish: Finish) -> bool:
    return not finish.per_channel and (finish.m, finish.bias, finish.shift) == (1, 0, 0)


def _is_depthwise(at: Lowering, op: ir.Conv) -> bool:
    alone = op.groups == len(op.weight) and op.weight.shape[1] == 1
    return alone and (lanes(op.groups) == op.groups or is_image(at, op.x))


def is_image(at: Lowering, x: Value) -> bool:
    return x.kind == Kind.TRACE and not x.steps and maker(at, x.index) is not None


def is_swish(at: Lowering, index: int) -> bool:
    op = at.program.ops[index]
    if not isinstance(op, ir.Binary) or op.gate is None or op.finish.per_channel:
        return False
    simple = (op.finish.m, len(op.shape), op.x.steps) == (1, 3, ()) and op.quant.hi < 256
    inside = index != at.program.output and at.leave(index).floor
    few = 0 < int(op.finish.shift) <= MOST_GATE_SHIFT
    return simple and inside and few and rounding.fits(op)


def is_real(at: Lowering, index: int) -> bool:
    """Of a convolution that only HardSwishes read: for them all far below zero is the same."""
    gates, readers = at.program.ops, at.readers(index)
    conv = isinstance(at.program.ops[index], ir.Conv)
    return conv and all(isinstance(gates[i], ir.Gate) or is_swish(at, i) for i in readers)


def base(at: Lowering, index: int) -> int:
    """What the numbers of an image lack: the least element, when all readers can do without."""
    op = at.program.ops[index]
    moves = isinstance(op, ir.Pool | ir.Unary)
    if moves or is_real(at, index) or not rounding.cuts_below(op):
        return 0
    takes = all(_takes_base(at, reader) for reader in at.readers(index))
    return rounding.ends(op)[0] if takes else 0


def _base_of(at: Lowering, x: Value) -> int:
    return base(at, x.index) if _is_seen(at, x) else 0


def _takes_base(at: Lowering, index: int) -> bool:
    """Adds, and convolutions without padding, which would be another number."""
    op, made = at.program.ops[index], maker(at, index)
    if made is _conv:
        assert isinstance(op, ir.Conv)
        return not any(linear.conv_window(op)["pads"]) and _is_seen(at, op.x)
    return made is _add and isinstance(op, ir.Binary) and min(op.ma, op.mb) > 0


def _is_seen(at: Lowering, x: Value) -> bool:
    return is_image(at, x) or _summed(at, x)


def _operand(at: Lowering, x: Value) -> str:
    if is_image(at, x):
        return image(at, x.index)
    return _sum(at, x.index) if _summed(at, x) else at.read(x)


def _conv(at: Lowering, index: int, op: ir.Conv) -> str:
    count, inner = lanes(len(op.weight)), op.weight.shape[1]
    more = lanes(inner) - inner if _is_seen(at, op.x) and op.groups == 1 else 0
    scale, bias = moved(op.finish)
    weight = op.weight * np.broadcast_to(scale, len(op.weight)).reshape(-1, 1, 1, 1)
    bias = np.broadcast_to(bias, len(weight)) + _base_of(at, op.x) * weight.sum((1, 2, 3))
    weight = np.pad(weight, [(0, count - len(weight)), (0, more), (0, 0), (0, 0)])
    consts = at.w.const(weight.astype(np.float32)), at.w.const(each(bias, count))
    window = linear.conv_window(op) | {"group": count if op.groups > 1 else 1}
    acc = at.w("Conv", _operand(at, op.x), *consts, **window)
    if is_real(at, index):
        return rounding.real(at.w, op, count, acc)
    return _finished(at, index, op, acc)


def _finished(at: Lowering, index: int, op: ir.Op, acc: str, less: int = 0) -> str:
    make = rounding.based if base(at, index) else rounding.element
    return make(at.w, op, lanes(op.shape[0]), acc, less)


def _swish(at: Lowering, index: int, op: ir.Binary) -> str:
    """The product of x and its gate is six times HardSwish, in steps of both."""
    scale, bias = moved(op.finish)
    gain, count = scale * 6 / op.x.quant.scale**2, lanes(op.shape[0])
    reals, pool = at.w("HardSwish", _operand(at, op.x)), _only_pool(at, index)
    if pool is not None:
        reals = at.w("MaxPool", reals, **pool_window(pool))
    return _finished(at, index, op, affine(at.w, count, reals, gain, bias))


def _only_pool(at: Lowering, index: int) -> ir.Pool | None:
    """What alone reads a tensor: a maximum is the same before and after rounding, but smaller."""
    readers = at.readers(index)
    op = at.program.ops[readers[0]] if len(readers) == 1 else None
    return op if isinstance(op, ir.Pool) and maker(at, readers[0]) is _pool else None


def _scaled(at: Lowering, index: int, op: ir.Binary) -> str:
    """Each channel by a number of its own."""
    (scale, bias), count = moved(op.finish), lanes(op.shape[0])
    sizes = at.w.const(np.array([1, 1, *op.shape[1:]], np.float32))
    fixed = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    spread = at.w("Resize", _operand(at, op.y), "", sizes, mode="nearest", **fixed)
    at.w.shaped(spread, (count, *op.shape[1:]))
    acc = at.w("Mul", _operand(at, op.x), spread)
    return _finished(at, index, op, affine(at.w, count, acc, scale, bias))


def _add(at: Lowering, index: int, op: ir.Binary) -> str:
    (scale, bias), count, less = moved(op.finish), lanes(op.shape[0]), 0
    terms = []
    for x, factor, offset in ((op.x, op.ma, 0.0), (op.y, op.mb, float(bias))):
        missing, gain = _base_of(at, x), factor * float(scale)
        if gain == 1 and not offset:
            less += missing
            terms.append(_operand(at, x))
        else:
            terms.append(affine(at.w, count, _operand(at, x), gain, offset + missing * gain))
    return _finished(at, index, op, at.w("Add", *terms), less)


def _copy(at: Lowering, index: int, op: ir.Unary) -> str:
    """Stored otherwise, which is nothing here."""
    return image(at, op.x.index)


def _pool(at: Lowering, index: int, op: ir.Pool) -> str:
    if maker(at, op.x.index) is _swish and _only_pool(at, op.x.index) is op:
        return image(at, op.x.index)
    return at.w("MaxPool", _operand(at, op.x), **pool_window(op))


def _sums(at: Lowering, op: ir.Op) -> bool:
    """Whether it is the sum of each channel of an image."""
    over = isinstance(op, ir.Reduce) and op.kind == "SUM" and op.axes == (1, 2)
    return over and is_image(at, op.operands[0]) and rounding.fits(op)


def _summed(at: Lowering, x: Value) -> bool:
    """Whether it is such sums as an image of one pixel."""
    op = at.program.ops[x.index] if x.kind == Kind.TRACE else None
    return op is not None and x.steps == (_pixel(op.shape),) and _sums(at, op)


def _pixel(shape: tuple[int, ...]) -> Step:
    return Step("Reshape", ((*shape, 1, 1),))


def _sum(at: Lowering, index: int) -> str:
    """Rows, then columns, by convolutions."""
    if index not in at.images:
        op = at.program.ops[index]
        assert isinstance(op, ir.Reduce)
        (scale, bias), (channels, height, width) = moved(op.finish), op.x.shape
        count = lanes(channels)
        ones = np.ones((count, 1, height, 1), np.float32)
        shares = np.full((count, 1, 1, width), scale, np.float32)
        rows = at.w("Conv", _operand(at, op.x), at.w.const(ones), group=count)
        consts = at.w.const(shares), at.w.const(each(bias, count))
        acc = at.w("Conv", rows, *consts, group=count)
        make = rounding.based if base(at, index) else rounding.element
        at.images[index] = make(at.w, op, count, acc, 0)
    return at.images[index]


BLOCKED: linear.Emitters = {
    **linear.PLAIN,
    ir.Conv: emitter,
    ir.Dense: _dense,
    ir.Binary: emitter,
    ir.Pool: emitter,
    ir.Reduce: _reduce,
    ir.Unary: emitter,
}
