# SPDX-License-Identifier: Apache-2.0
"""What the float model's tensors look like on the user's samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from verifiers.opml.compiler.graph import Array, Graph
from verifiers.opml.compiler.runner import FloatModel

Progress = Callable[[int, int], None]


@dataclass
class Range:
    """Least and greatest value, whether all were whole numbers, the mean square, and the samples'
    least and greatest value on average."""

    lo: float
    hi: float
    whole: bool
    power: float = 0.0
    usual: tuple[float, float] = (0.0, 0.0)
    count: int = 1

    def join(self, other: Range) -> Range:
        count = self.count + other.count

        def mean(mine: float, its: float) -> float:
            return (mine * self.count + its * other.count) / count

        return Range(
            min(self.lo, other.lo),
            max(self.hi, other.hi),
            self.whole and other.whole,
            mean(self.power, other.power),
            (mean(self.usual[0], other.usual[0]), mean(self.usual[1], other.usual[1])),
            count,
        )


@dataclass
class Statistics:
    """Ranges by tensor; for each LayerNorm the least deviation and the greatest normal value."""

    ranges: dict[str, Range] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    normals: dict[str, float] = field(default_factory=dict)


def calibrate(
    model: onnx.ModelProto,
    graph: Graph,
    samples: Sequence[Array],
    percentile: float = 100.0,
    progress: Progress = lambda done, total: None,
) -> Statistics:
    """Run all samples, one after the other. ``percentile`` below 100 cuts that much off each
    sample's tensors, at both ends, before the ranges are joined."""
    runner, found = FloatModel(model, graph.input), Statistics()
    wanted = {graph.input} | {name for node in graph.nodes for name in (*node.inputs, node.output)}
    wanted |= set(graph.stands_for.values())
    for i, sample in enumerate(samples):
        values = runner.run(sample)
        for name in sorted(wanted & values.keys()):
            seen = _range(values[name], 100.0 if name == graph.input else percentile)
            found.ranges[name] = found.ranges[name].join(seen) if name in found.ranges else seen
        _norms(graph, values, found)
        progress(i + 1, len(samples))
    return found


def _range(value: Array, percentile: float) -> Range:
    reals = value.astype(np.float64).reshape(-1)
    finite = reals[np.isfinite(reals)]
    if not finite.size:
        return Range(0.0, 0.0, True)
    if percentile < 100:
        lo, hi = np.percentile(finite, [100 - percentile, percentile])
    else:
        lo, hi = finite.min(), finite.max()
    is_whole = bool((finite == np.rint(finite)).all())
    usual = float(lo), float(hi)
    return Range(*usual, is_whole, float((finite**2).mean()), usual)


def _norms(graph: Graph, values: dict[str, Array], found: Statistics) -> None:
    for node in graph.nodes:
        if node.op == "LayerNorm":
            x, axes = values[node.inputs[0]].astype(np.float64), node.attrs["axes"]
            centred = x - x.mean(axes, keepdims=True)
            deviation = np.sqrt((centred**2).mean(axes, keepdims=True) + node.attrs["eps"])
            normal = np.abs(centred / np.maximum(deviation, 1e-30)).max()
            name = node.output
            least = found.deviations.get(name, np.inf)
            found.deviations[name] = min(least, float(_typical(deviation)))
            found.normals[name] = max(found.normals.get(name, 0.0), float(normal))


def _typical(deviation: Iterable[float] | Array) -> float:
    """The least deviation that matters: rows of all the same value have none and carry nothing."""
    values = np.asarray(deviation).reshape(-1)
    return float(np.maximum(values, values.max() / 64).min())
