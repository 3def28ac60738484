# SPDX-License-Identifier: Apache-2.0
"""Chooses a scale, a zero point and an element type for every tensor.

Bytes where a product reads the tensor; up to twelve bits where only tables, Softmax, ArgMax or the
user do. Tensors that are added share a scale where that costs little: equal scales add without
multiplying.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, frexp, ldexp, log2

import numpy as np

from verifiers.opml.compiler.calibrate import Range, Statistics
from verifiers.opml.compiler.graph import FNode, Graph
from verifiers.opml.compiler.ir import Quant
from verifiers.opml.program import Code

# Their output has the elements of their first input.
PASSING = {
    "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Split", "Expand", "Scale",
    "MaxPool", "GlobalMaxPool", "ReduceMax", "Pad", "Gather",
}  # fmt: skip
_FINE_READERS = {"Function", "SoftmaxOver", "Softmax", "ArgMax", "LayerNorm"}
_FREE = {"Conv", "Dense", "Add", "Sub", "Function", "LayerNorm", "Table"}
_SUMS = {"Add", "Sub"}
FINE_LEVELS = 4095
WIDE_LEVELS = 1023
WIDE_PARTS = 4
BYTE_LEVELS = 255
_GATED_LEVELS = 250
# Lowerings take HardSwish of reals and round, which is exact up to this shift.
_GATE_SHIFT = 10
_LEAST_BITS = 3
_TIE = 4.0
_ENOUGH_DB = 39.0
# Rarely do normalised numbers lie so much farther out than the farthest of a usual sample.
_UNUSUAL = 2.0
_MANTISSA_BITS = 8


@dataclass(frozen=True)
class HardSwish:
    """Elements of HardSwish's input and output: ``x * clip(x + 3, 0, 6) / 2**shift``, all in steps
    of ``2**-bits``, is the output in steps of ``2**(shift - 2 * bits) / 6``."""

    bits: int
    shift: int

    @classmethod
    def up_to(cls, most: float) -> HardSwish | None:
        """With outputs up to ``most``, which fit a byte; None when that would be too coarse."""
        coarse = ceil(log2(6 * max(most + 0.4, 0.5) / _GATED_LEVELS))
        bits = (_GATE_SHIFT - coarse) // 2
        return cls(bits, 2 * bits + coarse) if bits >= _LEAST_BITS else None

    @property
    def three(self) -> int:
        return 3 << self.bits

    @property
    def quant(self) -> Quant:
        """Of the input, cut where the output leaves its byte."""
        most = ((255 - self.output.zero) << self.shift) // (2 * self.three)
        return Quant(2.0**-self.bits, self.three, Code.U16, 0, self.three + most)

    @property
    def output(self) -> Quant:
        dip = ceil(self.three**2 / 4 / 2**self.shift)
        return Quant(2.0 ** (self.shift - 2 * self.bits) / 6, dip)


class Plan:
    """``quant(tensor)`` is what the node that makes the tensor should aim for."""

    def __init__(self, graph: Graph, statistics: Statistics) -> None:
        self._graph = graph
        self.statistics = statistics
        self._scales: dict[str, float] = {}
        self._tie_sums()

    def quant(self, tensor: str) -> Quant:
        """Of a tensor that is not a mere view of another."""
        root = self.root(tensor)
        gate = self.gate(root)
        if gate is not None:
            return gate.quant
        if self.is_fine(root):
            return make_quant(self.range(root), FINE_LEVELS)
        return self.wide(root) or self.byte(root)

    def wide(self, tensor: str) -> Quant | None:
        """Ten bits, for a tensor of which a byte would lose too much; only linear nodes read it."""
        node, readers = self._graph.producer(tensor), self.readers(tensor)
        if node is None or node.op != "LayerNorm" or {n.op for n in readers} - {"Conv", "Dense"}:
            return None
        seen = self.range(tensor)
        step = make_quant(seen, BYTE_LEVELS).scale
        if seen.power >= 10 ** (_ENOUGH_DB / 10) * step**2 / 12:
            return None
        low, high = seen.usual
        usual = Range(max(seen.lo, low * _UNUSUAL), min(seen.hi, high * _UNUSUAL), False)
        quant = make_quant(usual, WIDE_LEVELS)
        # A multiple of what the low part holds, so that the high part has a zero point too.
        return replace(quant, zero=quant.zero // WIDE_PARTS * WIDE_PARTS)

    def gate(self, tensor: str) -> HardSwish | None:
        """Of a tensor that only HardSwishes read. None for other tensors."""
        readers = self.readers(tensor)
        direct = self._graph.consumers(tensor)
        if not direct or len(readers) != len(direct) or tensor in self._graph.consts:
            return None
        if not all(n.op == "Function" and n.attrs["call"].is_hard_swish for n in readers):
            return None
        return HardSwish.up_to(max(self.statistics.ranges[node.output].hi for node in readers))

    def byte(self, tensor: str) -> Quant:
        return make_quant(self.range(tensor), BYTE_LEVELS, self._scales.get(tensor, 0.0))

    def range(self, tensor: str) -> Range:
        """As calibrated, cut to where the functions that read it change."""
        seen = self.statistics.ranges[self._graph.stands_for.get(tensor, tensor)]
        readers = self.readers(tensor)
        if seen.lo < seen.hi and readers and all(node.op == "Function" for node in readers):
            parts = [_sensitive(node, seen) for node in readers]
            return Range(min(p.lo for p in parts), max(p.hi for p in parts), seen.whole)
        return seen

    def root(self, tensor: str) -> str:
        """The tensor whose elements this one has."""
        node = self._graph.producer(tensor)
        while node is not None and node.op in PASSING:
            tensor = self._graph.data_inputs(node)[0]
            node = self._graph.producer(tensor)
        return tensor

    def readers(self, tensor: str) -> list[FNode]:
        """The nodes that compute with it, behind any views."""
        found: list[FNode] = []
        for node in self._graph.consumers(tensor):
            if node.op in PASSING:
                found += [r for out in node.outputs for r in self.readers(out)]
            else:
                found.append(node)
        return found

    def is_fine(self, tensor: str) -> bool:
        return all(
            node.op in _FINE_READERS or (node.op in _SUMS and self.is_fine(node.output))
            for node in self.readers(tensor)
        )

    def _tie_sums(self) -> None:
        group: dict[str, set[str]] = {}
        for node in self._graph.nodes:
            data = self._graph.data_inputs(node)
            if node.op not in _SUMS or len(data) != 2 or self.is_fine(node.output):
                continue
            roots = [self.root(name) for name in data] + [node.output]
            if all(self._is_free(name) for name in roots) and self._alike(roots):
                merged = set(roots).union(*(group.get(name, set()) for name in roots))
                group.update(dict.fromkeys(merged, merged))
        for name, members in group.items():
            self._scales[name] = max(make_quant(self.range(m), BYTE_LEVELS).scale for m in members)

    def _is_free(self, tensor: str) -> bool:
        node = self._graph.producer(tensor)
        return node is not None and node.op in _FREE and not self.is_fine(tensor)

    def _alike(self, tensors: Iterable[str]) -> bool:
        scales = [make_quant(self.range(name), BYTE_LEVELS).scale for name in tensors]
        return max(scales) <= _TIE * min(scales)


def make_quant(seen: Range, levels: int, scale: float = 0.0) -> Quant:
    """The range, and zero, spread over ``levels`` steps; the scale may be given.

    Scales are rounded up to few bits, so that another machine's last bits don't change a model.
    """
    lo, hi = min(seen.lo, 0.0), max(seen.hi, 0.0)
    if not scale:
        scale = round_up((hi - lo) / levels) if hi > lo else 1.0 / levels
        if seen.whole and scale <= 1.0 and hi - lo <= levels:
            scale = 1.0
    zero = min(max(int(np.floor(-lo / scale + 0.5)), 0), levels)
    code = Code.U8 if levels <= BYTE_LEVELS else Code.U16
    return Quant(scale, zero, code, 0, levels)


def round_up(value: float) -> float:
    mantissa, exponent = frexp(value)
    return ldexp(float(np.ceil(mantissa * 2**_MANTISSA_BITS)), exponent - _MANTISSA_BITS)


def _sensitive(node: FNode, seen: Range) -> Range:
    """Where the function still moves by more than a fraction of its output's step."""
    reals = np.linspace(seen.lo, seen.hi, 4097)
    values = node.attrs["call"](reals)
    step = (values.max() - values.min()) / 1024
    above = np.flatnonzero(np.abs(values - values[0]) > step)
    below = np.flatnonzero(np.abs(values - values[-1]) > step)
    if not above.size or not below.size:
        return seen
    return Range(float(reals[max(above[0] - 1, 0)]), float(reals[min(below[-1] + 1, 4096)]), False)
