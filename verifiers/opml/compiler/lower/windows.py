# SPDX-License-Identifier: Apache-2.0
"""Padding at the end, as the output's size asks for."""

from __future__ import annotations

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.graph import Shape


def end_pads(op: ir.Conv | ir.Pool, kernel: Shape) -> Shape:
    """Where the last window reaches beyond the input, by how much."""
    ends = []
    for i, size in enumerate(kernel):
        last = (op.shape[i + 1] - 1) * op.strides[i] + op.dilations[i] * (size - 1) + 1
        ends.append(max(0, last - op.pads[i] - op.x.shape[i + 1]))
    return tuple(ends)
