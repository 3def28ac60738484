# SPDX-License-Identifier: Apache-2.0
"""Small networks with weights of no meaning, as ONNX files: gas depends on shapes alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PIXELS, CLASSES, CHANNELS = 64, 10, 4


def perceptron(sizes: tuple[int, ...], seed: int) -> bytes:
    """Fully connected, with ReLU between layers."""
    draw = np.random.default_rng(seed)
    nodes, weights, at = [], [], "x"
    for i, (rows, columns) in enumerate(pairwise(sizes)):
        for kind, shape in (("w", (rows, columns)), ("b", (columns,))):
            weights.append(_drawn(draw, f"{kind}{i}", shape, rows))
        nodes.append(helper.make_node("Gemm", [at, f"w{i}", f"b{i}"], [f"g{i}"]))
        at = f"g{i}"
        if i + 2 < len(sizes):
            nodes.append(helper.make_node("Relu", [at], [f"r{i}"]))
            at = f"r{i}"
    return _model(nodes, weights, ("x", sizes[0]), (at, sizes[-1]))


def convolution(seed: int) -> bytes:
    """8x8 pixels, four filters of 3x3, ReLU, then fully connected to ten classes."""
    draw = np.random.default_rng(seed)
    weights = [
        numpy_helper.from_array(np.array([1, 1, 8, 8]), "plane"),
        numpy_helper.from_array(np.array([1, PIXELS]), "flat"),
        _drawn(draw, "kernel", (CHANNELS, 1, 3, 3), 9),
        _drawn(draw, "w", (PIXELS, CLASSES), PIXELS),
        _drawn(draw, "b", (CLASSES,), PIXELS),
    ]
    window: dict[str, Any] = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Reshape", ["x", "plane"], ["image"]),
        helper.make_node("Conv", ["image", "kernel"], ["features"], **window),
        helper.make_node("Relu", ["features"], ["active"]),
        helper.make_node("Reshape", ["active", "flat"], ["row"]),
        helper.make_node("Gemm", ["row", "w", "b"], ["logits"]),
    ]
    return _model(nodes, weights, ("x", PIXELS), ("logits", CLASSES))


def _drawn(draw: np.random.Generator, name: str, shape: tuple[int, ...], rows: int) -> Any:
    values: NDArray[np.float32] = draw.normal(scale=rows**-0.5, size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def _model(
    nodes: Sequence[Any], weights: Sequence[Any], given: tuple[str, int], answer: tuple[str, int]
) -> bytes:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (given, answer)
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 13)]
    data: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return data
