# SPDX-License-Identifier: Apache-2.0
"""Loops over a view as the axes of a descriptor's operand."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.opml.compiler.errors import CertificateError
from verifiers.opml.compiler.views import Loop
from verifiers.opml.program import Axis, Operand

Axes = tuple[Axis, Axis, Axis, Axis]
NO_AXIS = Axis()


def spread(found: Sequence[Loop], name: str, channels: int = 0) -> list[Loop]:
    """Exactly four loops. With ``channels``, the last counts them and the third counts nothing.

    Raises CertificateError when a node would need more dimensions than a descriptor has.
    """
    rest, tail = list(found), []
    still = Loop(1, (0, 0))
    if channels:
        tail = [still, rest.pop() if channels > 1 else still]
    if len(rest) + len(tail) > 4:
        raise CertificateError(f"node {name}: its operands need more than four dimensions")
    return [*[still] * (4 - len(rest) - len(tail)), *rest, *tail]


def axes(found: Sequence[Loop], operand: int) -> Axes:
    """Plain counting: element ``o`` of a loop lies ``o * stride`` on."""
    a, b, c, d = (counting(loop.size, loop.strides[operand]) for loop in found)
    return a, b, c, d


def counting(size: int, stride: int) -> Axis:
    return Axis(1, 0, 0, size - 1, stride) if size > 1 and stride else NO_AXIS


def tapped(size: int, stride: int) -> Axis:
    """An axis that the taps count along and the output does not."""
    return Axis(0, 1, 0, size - 1, stride) if size > 1 else NO_AXIS


def sizes(found: Sequence[Loop]) -> tuple[int, int, int, int]:
    a, b, c, d = (loop.size for loop in found)
    return a, b, c, d


def moved(operand: Operand, base: int) -> Operand:
    """The operand's view, starting elsewhere."""
    return Operand(
        operand.kind, operand.code, operand.index, operand.zero, operand.base + base, operand.axes
    )
