# SPDX-License-Identifier: Apache-2.0
"""Finds LayerNorm and Softmax however they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verifiers.opml.compiler.graph import Array, Graph
from verifiers.opml.compiler.patterns.regions import Flow, Region

Match = Callable[[Region], dict[str, Any] | None]

_REDUCTIONS = {"ReduceMean", "ReduceSum", "GlobalAveragePool"}
_DRAWS = 3
_TOLERANCE = 2e-4


def find_norms(graph: Graph) -> None:
    """Rewrite decomposed LayerNorms as nodes ``LayerNorm`` with axes, eps, gamma and beta."""
    _rewrite(graph, {"Sqrt", "Pow"}, _layer_norm)


def find_softmax(graph: Graph) -> None:
    """Rewrite decomposed Softmaxes as nodes ``SoftmaxOver`` with one axis."""
    _rewrite(graph, {"Exp"}, _softmax)


def native_norms(graph: Graph) -> None:
    """LayerNormalization, as ONNX has it since 17, in the form of ``find_norms``."""
    for node in graph.nodes:
        constant = all(name in graph.consts for name in node.inputs[1:] if name)
        unread = not any(graph.consumers(name) for name in node.outputs[1:])
        if node.op != "LayerNormalization" or not unread or not constant:
            continue
        node.outputs = node.outputs[:1]
        rank = graph.rank(node.inputs[0])
        axis = node.attrs.get("axis", -1) % rank
        beta = graph.consts[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(1)
        node.attrs = {
            "axes": tuple(range(axis, rank)),
            "eps": float(node.attrs.get("epsilon", 1e-5)),
            "gamma": _full_rank(graph.consts[node.inputs[1]], rank),
            "beta": _full_rank(beta, rank),
        }
        node.op, node.inputs = "LayerNorm", node.inputs[:1]


def _full_rank(value: Array, rank: int) -> Array:
    return np.asarray(value, np.float64).reshape((1,) * (rank - value.ndim) + value.shape)


def _rewrite(graph: Graph, anchors: set[str], match: Match) -> None:
    tried: set[str] = set()
    while True:
        todo = [n for n in graph.nodes if n.op in anchors and n.output not in tried]
        if not todo:
            return
        tried.add(todo[0].output)
        _try_anchor(graph, todo[0].output, match)


def _try_anchor(graph: Graph, anchor: str, match: object) -> None:
    """Replace the widest region around the anchor that matches."""
    assert callable(match)
    flow = Flow(graph)
    best: tuple[Region, dict[str, Any]] | None = None
    for x, ends in flow.around(anchor):
        wider = _farthest(flow, x, ends, match)
        if wider is None and best is not None:
            break
        best = wider or best
    if best is not None:
        region, found = best
        region.replace(found.pop("op"), **found)


def _farthest(
    flow: Flow, x: str, ends: list[str], match: Match
) -> tuple[Region, dict[str, Any]] | None:
    best = None
    for y in ends:
        region = flow.region(x, y)
        found = match(region) if region else None
        if found is None and best is not None:
            break
        if region is not None and found is not None:
            best = region, found
    return best


def _axes(region: Region) -> set[int] | None:
    """The axes that all reductions of the region share, or None."""
    graph = region.graph
    rank = len(graph.shapes[region.x])
    seen: set[frozenset[int]] = set()
    for node in region.nodes:
        if node.op.startswith("Reduce"):
            if graph.shapes[graph.data_inputs(node)[0]] != graph.shapes[region.x]:
                return None
            given = node.attrs.get("axes")
            if given is None:
                given = graph.consts[node.inputs[1]] if len(node.inputs) > 1 else range(rank)
            seen.add(frozenset(int(axis) % rank for axis in given))
    return set(next(iter(seen))) if len(seen) == 1 else None


def _same_shape(region: Region) -> bool:
    shapes = region.graph.shapes
    return shapes[region.x] == shapes[region.y]


def _layer_norm(region: Region) -> dict[str, Any] | None:
    if not _same_shape(region) or not region.ops() & _REDUCTIONS:
        return None
    axes = _axes(region)
    if not axes:
        return None
    shape = region.graph.shapes[region.x]
    rng = np.random.default_rng(0)
    draws = [rng.normal(0.3, 1.5, shape).astype(np.float32) for _ in range(_DRAWS + 1)]
    results = [np.asarray(region.run(x), np.float64) for x in draws]
    eps = _epsilon(region)
    normal = [_normalise(x, tuple(sorted(axes)), eps) for x in draws]
    gamma, beta = _line_fit(np.stack(normal[:_DRAWS]), np.stack(results[:_DRAWS]))
    error = np.abs(normal[-1] * gamma + beta - results[-1]).max()
    if not error <= _TOLERANCE * max(1.0, float(np.abs(results[-1]).max())):
        return None
    return {
        "op": "LayerNorm",
        "axes": tuple(sorted(axes)),
        "eps": eps,
        "gamma": _squash(gamma),
        "beta": _squash(beta),
    }


def _normalise(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    x = x.astype(np.float64)
    centred = x - x.mean(axes, keepdims=True)
    result: Array = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps)
    return result


def _epsilon(region: Region) -> float:
    """The smallest positive scalar of the region, as far as it can be an epsilon."""
    names = {name for node in region.nodes for name in region.graph.const_inputs(node)}
    scalars = [region.graph.consts[n] for n in sorted(names) if region.graph.consts[n].size == 1]
    small = [float(v.reshape(())) for v in scalars if v.dtype.kind == "f" and 0 < v <= 1e-2]
    return min((v for v in small if v < 1e-3), default=0.0)


def _line_fit(x: Array, y: Array) -> tuple[Array, Array]:
    """Slope and offset for each element over the first axis."""
    dx, dy = x - x.mean(0), y - y.mean(0)
    slope = (dx * dy).sum(0) / np.maximum((dx * dx).sum(0), 1e-12)
    return slope, y.mean(0) - slope * x.mean(0)


def _squash(value: Array) -> Array:
    """Size 1 along each axis on which the values are the same, up to float32's noise."""
    for axis in range(value.ndim):
        first = value.mean(axis, keepdims=True)
        if np.abs(value - first).max() <= 1e-4 * max(1e-3, float(np.abs(value).max())):
            value = first
    return value.astype(np.float32).astype(np.float64)


def _softmax(region: Region) -> dict[str, Any] | None:
    if not _same_shape(region) or not region.ops() >= {"ReduceSum", "Div"}:
        return None
    axes = _axes(region)
    if axes is None or len(axes) != 1:
        return None
    (axis,) = axes
    x = np.random.default_rng(0).normal(0, 2, region.graph.shapes[region.x]).astype(np.float32)
    powers = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    expected = powers / powers.sum(axis, keepdims=True)
    same = np.allclose(region.run(x), expected, atol=1e-5)
    return {"op": "SoftmaxOver", "axis": axis} if same else None
