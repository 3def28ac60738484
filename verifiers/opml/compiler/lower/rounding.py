# SPDX-License-Identifier: Apache-2.0
"""Elements from float32 accumulators of images without Floor and Clip.

HardSigmoid rounds: between 1/2 and 1 floats are 2^-24 apart, so that ``x * 2^-24 + beta`` becomes a
multiple of 2^-24, the nearest, and not above 1, which stands for the greatest element.
BatchNormalization, a product and a sum for each channel, brings the integer back. Rounding to the
nearest is ``floor`` of half a step more, where nothing lies halfway: accumulators are moved by half
of their last bit, and there must be room for that below 2^24.
"""

from __future__ import annotations

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.bounds import channel_reach, reach
from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.ir import Finish
from verifiers.opml.compiler.lower.finish import F32, limits, scale_and_bias
from verifiers.opml.compiler.lower.writer import Writer

_ULP = 2.0**-24
_FAR = 1 << 22
_LANES = 16


def lanes(channels: int) -> int:
    """As many channels as whole blocks have."""
    return -(-channels // _LANES) * _LANES


def fits(op: ir.Op) -> bool:
    """Whether the elements of an image can be made in this way."""
    least, most = ends(op)
    far = max(-least, -limits(op)[0], most)
    halves = int(np.max(np.exp2(np.asarray(op.finish.shift, np.float64))))
    return 2 * _room(op) + halves < F32 and most >= 0 and far < _FAR


def _room(op: ir.Op) -> int:
    """How large accumulators and their parts get, operands being less any base."""
    if not isinstance(op, ir.Conv):
        may_be_based = isinstance(op, ir.Binary) and op.kind == "ADD"
        return op.finish.bound((2 if may_be_based else 1) * reach(op))
    least, most = op.x.quant.lo - op.x.quant.zero, op.x.quant.hi - op.x.quant.zero
    sums = channel_reach(op.weight, op.x.quant) // max(op.x.quant.reach, 1)
    return op.finish.bound(sums * (most - least + abs(least)))


def ends(op: ir.Op) -> tuple[int, int]:
    """The least and the greatest element, less zero."""
    return op.quant.lo - op.quant.zero, op.quant.hi - op.quant.zero


def cuts_below(op: ir.Op) -> bool:
    return limits(op)[0] < ends(op)[0]


def moved(finish: Finish) -> tuple[Array, Array]:
    """Multipliers and biases such that the nearest integer is what ``finish`` makes."""
    scale, bias = scale_and_bias(finish, 0)
    shift = np.asarray(finish.shift, np.float64)
    return scale, bias + np.where(shift > 0, np.exp2(-shift - 1) - 0.5, 0.0)


def element(w: Writer, op: ir.Op, count: int, x: str, less: int) -> str:
    """The nearest integer less zero, within the elements' limits, of ``x + less``."""
    least, most = ends(op)
    whole = _whole(w, count, x, most - less, most, 1.0)
    if not cuts_below(op):
        return whole
    if least == 0:
        return w("Relu", whole)
    share = w("HardSigmoid", whole, alpha=-_ULP, beta=1 + least * _ULP)
    return affine(w, count, share, -1 / _ULP, least + 1 / _ULP)


def based(w: Writer, op: ir.Op, count: int, x: str, less: int) -> str:
    """The same, less the least element too."""
    least, most = ends(op)
    return w("Relu", _whole(w, count, x, most - less, most - least, 1.0))


def real(w: Writer, op: ir.Op, count: int, x: str) -> str:
    """What the element stands for, though not cut below."""
    most = ends(op)[1]
    return _whole(w, count, x, most, most, op.quant.scale)


def _whole(w: Writer, count: int, x: str, top: int, most: int, unit: float) -> str:
    """Rounded: what is ``top`` or more becomes ``most``, in steps of a power of two."""
    share = w("HardSigmoid", x, alpha=_ULP, beta=1 - top * _ULP)
    return affine(w, count, share, unit / _ULP, (most - 1 / _ULP) * unit)


def affine(w: Writer, count: int, x: str, gain: float | Array, offset: float | Array) -> str:
    """``x * gain + offset``: numbers, or one for each channel."""
    if np.all(np.asarray(gain) == 1) and not np.any(offset):
        return x
    parts = [w.const(each(value, count)) for value in (gain, offset, 0.0, 1.0)]
    return w("BatchNormalization", x, *parts, epsilon=0.0)


def each(value: float | Array, count: int) -> Array:
    """One for each channel, zeros for channels that nobody reads."""
    found = np.asarray(value, np.float64).reshape(-1)
    if found.size > 1:
        return np.pad(found, (0, count - found.size)).astype(np.float32)
    return np.full(count, found[0], np.float32)
