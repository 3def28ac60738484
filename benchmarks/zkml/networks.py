# SPDX-License-Identifier: Apache-2.0
"""Networks of which circuits are measured, as ONNX files."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks import ROOT

MODELS = ROOT / "tests" / "data" / "zk"
LENET_PIXELS = 784


def perceptron(sizes: tuple[int, ...], seed: int) -> bytes:
    """Fully connected, with ReLU between layers; weights of no meaning."""
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
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", sizes[0]), (at, sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "perceptron", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 13)]
    data: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return data


def committed(name: str) -> bytes:
    """One of ``scripts/build_zk_models.py``: digits_cnn, lenet."""
    return (MODELS / f"{name}.onnx").read_bytes()


def _drawn(draw: np.random.Generator, name: str, shape: tuple[int, ...], rows: int) -> Any:
    values: NDArray[np.float32] = draw.normal(scale=rows**-0.5, size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)
