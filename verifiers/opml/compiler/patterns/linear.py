# SPDX-License-Identifier: Apache-2.0
"""Convolutions and matrix products by constants as ``Conv`` and ``Dense``; what follows is folded.

Both have float64 attributes ``weight`` and ``bias``; the output channels are on the weight's first
axis for Conv (as in ONNX) and on its last for Dense.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from verifiers.opml.compiler.graph import Array, FNode, Graph

_SHAPE_KEEPING = {"Squeeze", "Unsqueeze", "Reshape", "Flatten"}
Affine = tuple[str, Array, Array]


def find_linear(graph: Graph) -> None:
    """Rewrite Conv, Gemm and MatMul by constants."""
    for node in graph.nodes:
        if node.op == "Conv":
            _conv(graph, node)
        elif node.op == "MatMul":
            _matmul(graph, node)
        elif node.op == "Gemm":
            _gemm(graph, node)


def fold_affine(graph: Graph) -> None:
    """Multiply and add constants per channel, BatchNormalization included, into the linear node."""
    for node in list(graph.nodes):
        found = affine(graph, node)
        if found is not None:
            _fold(graph, node, *found)


def affine(graph: Graph, node: FNode) -> Affine | None:
    """``(x, gain, offset)`` when the node is ``x * gain + offset`` with constants."""
    data, consts = graph.data_inputs(node), graph.const_inputs(node)
    if len(data) != 1 or not consts or graph.shapes[data[0]] != graph.shapes[node.output]:
        return None
    if node.op == "BatchNormalization":
        return data[0], *_batch_norm(graph, node)
    if len(node.inputs) != 2 or node.op not in ("Add", "Sub", "Mul", "Div"):
        return None
    c = np.asarray(graph.consts[consts[0]], np.float64)
    one, zero, first = np.ones(()), np.zeros(()), node.inputs[0] == data[0]
    if node.op == "Add":
        return data[0], one, c
    if node.op == "Sub":
        return (data[0], one, -c) if first else (data[0], -one, c)
    if node.op == "Mul":
        return data[0], c, zero
    return (data[0], 1 / c, zero) if first and np.all(c) else None


def _batch_norm(graph: Graph, node: FNode) -> tuple[Array, Array]:
    scale, bias, mean, var = (graph.consts[n].astype(np.float64) for n in node.inputs[1:5])
    gain = scale / np.sqrt(var + float(node.attrs.get("epsilon", 1e-5)))
    shape = (-1, *(1,) * (graph.rank(node.inputs[0]) - 2))
    return gain.reshape(shape), (bias - mean * gain).reshape(shape)


def _fold(graph: Graph, node: FNode, x: str, gain: Array, offset: Array) -> None:
    views, linear = _behind_views(graph, x)
    if linear is None:
        return
    channels = linear.attrs["bias"].size
    axis = 1 if linear.op == "Conv" else graph.rank(linear.output) - 1
    place = _channel_place(graph, linear.output, x, axis)
    vectors = [_per_channel(v, graph.shapes[x], place, channels) for v in (gain, offset)]
    if vectors[0] is None or vectors[1] is None:
        return
    spread = (-1, *(1,) * (linear.attrs["weight"].ndim - 1)) if linear.op == "Conv" else (1, -1)
    linear.attrs["weight"] = linear.attrs["weight"] * vectors[0].reshape(spread)
    linear.attrs["bias"] = linear.attrs["bias"] * vectors[0] + vectors[1]
    last = views[-1] if views else linear
    last.outputs = [node.output]
    if views:
        graph.stands_for[linear.output] = node.output
    graph.nodes.remove(node)


def _behind_views(graph: Graph, x: str) -> tuple[list[FNode], FNode | None]:
    """The linear node that makes ``x``, and the views between them, in order."""
    views: list[FNode] = []
    while graph.used_once(x):
        node = graph.producer(x)
        if node is None:
            break
        if node.op in ("Conv", "Dense") and "bias" in node.attrs:
            return views, node
        if node.op not in _SHAPE_KEEPING:
            break
        views.insert(0, node)
        x = graph.data_inputs(node)[0]
    return [], None


def _channel_place(graph: Graph, made: str, seen: str, axis: int) -> int | None:
    """Where axis ``axis`` of ``made`` is in ``seen``, when only dimensions of 1 come and go."""
    before, after = graph.shapes[made], graph.shapes[seen]
    if before == after:
        return axis
    if [n for n in before if n != 1] != [n for n in after if n != 1] or before[axis] == 1:
        return None
    rank = sum(n != 1 for n in before[:axis])
    return [i for i, n in enumerate(after) if n != 1][rank]


def _per_channel(
    value: Array, shape: tuple[int, ...], place: int | None, channels: int
) -> Array | None:
    """``value``, which broadcasts to ``shape``, as one number per channel."""
    if value.size == 1:
        return np.full(channels, float(value.reshape(())))
    full = value.reshape((1,) * (len(shape) - value.ndim) + value.shape)
    only = [axis for axis, size in enumerate(full.shape) if size != 1]
    return full.reshape(-1) if only == [place] else None


def _conv(graph: Graph, node: FNode) -> None:
    if len(graph.data_inputs(node)) != 1 or node.inputs[1] not in graph.consts:
        return
    weight = graph.consts[node.inputs[1]].astype(np.float64)
    spatial = weight.ndim - 2
    bias = graph.consts[node.inputs[2]] if len(node.inputs) > 2 else np.zeros(len(weight))
    node.attrs = window(graph, node, weight.shape[2:]) | {
        "weight": weight,
        "bias": bias.astype(np.float64),
        "group": node.attrs.get("group", 1),
    }
    assert len(node.attrs["strides"]) == spatial
    node.inputs = node.inputs[:1]


def window(graph: Graph, node: FNode, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Kernel, strides, dilations, and explicit pads at the start, of a Conv or pool."""
    ones = [1] * len(kernel)
    strides = tuple(node.attrs.get("strides", ones))
    dilations = tuple(node.attrs.get("dilations", ones))
    auto = node.attrs.get("auto_pad", b"NOTSET").decode()
    pads = tuple(node.attrs.get("pads", [0] * 2 * len(kernel)))[: len(kernel)]
    if auto.startswith("SAME"):
        before, after = graph.shapes[node.inputs[0]][2:], graph.shapes[node.output][2:]
        whole = [
            max(0, (o - 1) * s + d * (k - 1) + 1 - i)
            for i, o, k, s, d in zip(before, after, kernel, strides, dilations, strict=True)
        ]
        pads = tuple(n // 2 if auto == "SAME_UPPER" else n - n // 2 for n in whole)
    return {"kernel": tuple(kernel), "strides": strides, "dilations": dilations, "pads": pads}


def _matmul(graph: Graph, node: FNode) -> None:
    x, w = node.inputs
    if w not in graph.consts or x in graph.consts:
        return
    weight = graph.consts[w].astype(np.float64)
    if weight.ndim < 2 or any(size != 1 for size in weight.shape[:-2]):
        return
    if weight.ndim > graph.rank(x):
        return
    _to_dense(node, x, weight.reshape(weight.shape[-2:]), np.zeros(weight.shape[-1]))


def _gemm(graph: Graph, node: FNode) -> None:
    x, w = node.inputs[:2]
    if w not in graph.consts or x in graph.consts or node.attrs.get("transA", 0):
        return
    weight = graph.consts[w].astype(np.float64) * node.attrs.get("alpha", 1.0)
    if node.attrs.get("transB", 0):
        weight = weight.T
    bias = np.zeros(weight.shape[1])
    if len(node.inputs) > 2 and node.inputs[2]:
        c = graph.consts.get(node.inputs[2])
        if c is None or (c.size > 1 and c.size != c.shape[-1]):
            return
        bias = bias + c.astype(np.float64).reshape(-1) * node.attrs.get("beta", 1.0)
    _to_dense(node, x, weight, bias)


def _to_dense(node: FNode, x: str, weight: Array, bias: Array) -> None:
    node.op, node.inputs = "Dense", [x]
    node.attrs = {"weight": weight, "bias": bias}
