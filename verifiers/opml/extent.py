# SPDX-License-Identifier: Apache-2.0
"""Which addresses an operand reads over all outputs and taps, without looking at each."""

from __future__ import annotations

from dataclasses import dataclass

from verifiers.opml.program import Axis, Node, Operand


@dataclass(frozen=True)
class Extent:
    """All runs of an operand that keep to their axes; addresses in elements, lanes not counted.

    ``is_padded``: some taps of some outputs leave an axis. ``is_covered``: no output does with all
    its taps.
    """

    first: int
    last: int
    is_padded: bool
    is_covered: bool


def extent_of(node: Node, operand: Operand) -> Extent | None:
    """None when every run leaves an axis. Takes time in proportion to the taps."""
    taps = (*(max(size, 1) for size in node.taps), 1) if node.is_reduction else (1, 1, 1, 1)
    spans = [
        _span(axis, size, count)
        for axis, size, count in zip(operand.axes, node.dims, taps, strict=True)
    ]
    found = [span for span in spans if span is not None]
    if len(found) < len(spans):
        return None
    return Extent(
        operand.base + sum(span.first for span in found),
        operand.base + sum(span.last for span in found),
        any(span.is_padded for span in found),
        all(span.is_covered for span in found),
    )


def _span(axis: Axis, size: int, taps: int) -> Extent | None:
    """What one axis adds to the address. Axes are independent, so extremes add up."""
    inside = [(t, _inside(axis, size, t)) for t in range(taps)]
    kept = [(t, o[0], o[-1]) for t, o in inside if o]
    ends = [
        (o * axis.omul + t * axis.tmul + axis.off) * axis.stride
        for t, first, last in kept
        for o in (first, last)
    ]
    if not ends:
        return None
    is_padded = len(kept) < taps or any((first, last) != (0, size - 1) for _, first, last in kept)
    return Extent(min(ends), max(ends), is_padded, _covers([o for _, o in inside], size))


def _inside(axis: Axis, size: int, t: int) -> range:
    """The coordinates at which tap ``t`` keeps to the axis: they follow one another."""
    at, step = t * axis.tmul + axis.off, axis.omul
    if step == 0:
        return range(size) if 0 <= at <= axis.last else range(0)
    low, high = (-at, axis.last - at) if step > 0 else (at - axis.last, at)
    # low <= o * |step| <= high
    first, last = -(-low // abs(step)), high // abs(step)
    return range(max(first, 0), min(last, size - 1) + 1)


def _covers(ranges: list[range], size: int) -> bool:
    """Whether the ranges together have every coordinate below ``size``."""
    reached = 0
    for part in sorted(ranges, key=lambda part: part.start):
        if part and part.start <= reached:
            reached = max(reached, part.stop)
    return reached >= size
