# SPDX-License-Identifier: Apache-2.0
"""Operands read at every coordinate of an output at once: ``runs``, vectorised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from verifiers.opml import exact, runs
from verifiers.opml.exact import Array
from verifiers.opml.program import Axis, Kind, Node, Op, Operand
from verifiers.opml.runs import Place, Side
from verifiers.opml.total import Reader

DTYPES = ("u1", "<u2", "<i4", "<i8")


@dataclass(frozen=True)
class Rows:
    """Runs by coordinate: ``values`` (g0, g1, g2, g3, n) as stored and ``present`` (g...).

    Values of runs that are not present are arbitrary. An extent g is the output's, or 1 along an
    axis on which the operand does not depend.
    """

    values: Array
    present: Array


@dataclass(frozen=True)
class View:
    """One operand of one node."""

    operand: Operand
    dims: tuple[int, int, int, int]
    elements: Array

    @classmethod
    def of(cls, node: Node, j: int, side: Side, reader: Reader) -> View:
        operand = side.of(node)
        code = 0 if node.opcode == Op.DOT else operand.code & 3
        data = b""
        if runs.exists(operand, j):
            data = reader(operand.kind, operand.index if operand.kind == Kind.TRACE else 0)
        elements = np.frombuffer(data, DTYPES[code], count=len(data) >> code)
        return cls(operand, node.dims, elements)

    def rows(self, at: Place, shift: Array | None = None) -> Rows:
        """The runs of a block (``at`` of any element); each ``shift`` elements on, if given."""
        first, present = self._addresses(at)
        if shift is not None:
            first = exact.total(first, shift)
        last = self.elements.size - at.count
        present = present & (first >= 0) & (first <= last)
        if at.count < 1 or last < 0:
            return Rows(np.zeros((*present.shape, at.count), np.int64), present & False)
        windows = sliding_window_view(self.elements, at.count)
        return Rows(windows[np.where(present, first, 0).astype(np.int64)], present)

    def centred(self, rows: Rows) -> Array:
        """The runs less the operand's zero; 0 where absent."""
        values = exact.offset(rows.values, -self.operand.zero)
        if rows.present.all():
            return values
        return np.where(rows.present[..., None], values, 0)

    def _addresses(self, at: Place) -> tuple[Array, Array]:
        """Of the runs, and whether every axis is kept to."""
        steps, kept = [np.array(self.operand.base), np.array(at.position)], np.array(True)
        for number, (axis, size) in enumerate(zip(self.operand.axes, self.dims, strict=True)):
            step, inside = _along(axis, size, at.taps[number])
            shape = [-1 if place == number else 1 for place in range(4)]
            steps.append(step.reshape(shape))
            kept = kept & inside.reshape(shape)
        return exact.total(*steps), kept


def _along(axis: Axis, size: int, tap: int) -> tuple[Array, Array]:
    """What an axis adds to the address at each coordinate, and whether it is in range."""
    o = np.arange(size if axis.omul else 1)
    s = exact.offset(exact.scaled(o, axis.omul), tap * axis.tmul + axis.off)
    inside = np.asarray((s >= 0) & (s <= axis.last), dtype=bool)
    return exact.scaled(np.where(inside, s, 0), axis.stride), inside
