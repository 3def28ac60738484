# SPDX-License-Identifier: Apache-2.0
"""Convolution and pooling windows over one or two spatial dimensions as axes and taps."""

from __future__ import annotations

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.emit.geometry import NO_AXIS, tapped
from verifiers.opml.compiler.graph import Shape
from verifiers.opml.compiler.views import View
from verifiers.opml.program import Axis

Pair = tuple[Axis, Axis]


def axes(
    op: ir.Conv | ir.Pool, view: View, strides: Shape, pads: Shape, dilations: Shape
) -> tuple[tuple[int, int], tuple[int, int, int], Pair]:
    """Output sizes, taps, and the operand's two spatial axes; one dimension becomes (1, n)."""
    kernel = op.weight.shape[2:] if isinstance(op, ir.Conv) else op.kernel
    found = [
        Axis(strides[i], dilations[i], -pads[i], view.shape[i + 1] - 1, view.strides[i + 1])
        for i in range(len(kernel))
    ]
    out, taps = list(op.shape[1:]), list(kernel)
    while len(found) < 2:
        found, out, taps = [NO_AXIS, *found], [1, *out], [1, *taps]
    return (out[0], out[1]), (taps[0], taps[1], 1), (found[0], found[1])


def kernel_axes(kernel: Shape, lanes: int) -> Pair:
    """The taps over weights stored as (..., *kernel, lanes)."""
    height, width = (1, *kernel)[-2:]
    return tapped(height, width * lanes), tapped(width, lanes)
