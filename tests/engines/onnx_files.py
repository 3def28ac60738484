# SPDX-License-Identifier: Apache-2.0
"""Small ONNX files and their cards, built for one test each."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from offchain_workers.models import Limits, ModelCard, ModelSpec, TensorSpec
from offchain_workers.storage import content_id

X = TensorSpec(name="x", wire="u8", engine="float32", shape=(2,))
Y = TensorSpec(name="y", wire="f32", engine="float32", shape=(2,))


def card(
    inputs: tuple[TensorSpec, ...] = (X,),
    outputs: tuple[TensorSpec, ...] = (Y,),
    batch_invariant: bool = True,
    max_onnx_bytes: int = 100_000,
) -> ModelCard:
    return ModelCard(
        name="toy",
        version="1",
        task="toy",
        description="",
        licence="Apache-2.0",
        source="",
        codec="tensor@1",
        inputs=inputs,
        outputs=outputs,
        limits=Limits(max_items=100, max_onnx_bytes=max_onnx_bytes),
        batch_invariant=batch_invariant,
    )


def spec_of(model: bytes, **changes: Any) -> ModelSpec:
    return ModelSpec(card(**changes), content_id(model))


def graph_bytes(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: Any = ()
) -> bytes:
    graph = helper.make_graph(nodes, "toy", inputs, outputs, list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString(deterministic=True))


def add_one(batch: str | int = "n", width: int = 2) -> bytes:
    """float32 x (n, width) -> y = x + 1."""
    return graph_bytes(
        [helper.make_node("Add", ["x", "one"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, width])],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )


def look_up() -> bytes:
    """int32 index (n) -> float32 y (n): fails as a whole when any index is not 0, 1 or 2."""
    return graph_bytes(
        [helper.make_node("Gather", ["table", "index"], ["y"])],
        [helper.make_tensor_value_info("index", TensorProto.INT32, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(np.array([10, 20, 30], np.float32), "table")],
    )


LOOK_UP = {
    "inputs": (TensorSpec(name="index", wire="u8", engine="int32", shape=()),),
    "outputs": (TensorSpec(name="y", wire="f32", engine="float32", shape=()),),
}
