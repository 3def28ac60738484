# SPDX-License-Identifier: Apache-2.0
"""Runs float ONNX with all intermediate tensors visible, on one thread and without rewriting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as states

from verifiers.opml.compiler.errors import UnreadableModelError
from verifiers.opml.compiler.graph import Array, FNode, Graph

IR_VERSION = 8
_REFUSALS = (
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NotImplemented,
    states.RuntimeException,
    RuntimeError,
)


def session(model: bytes, threads: int = 1, optimise: bool = False) -> ort.InferenceSession:
    """Raises UnreadableModelError when onnxruntime does not take the model."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _REFUSALS as error:
        raise UnreadableModelError(f"onnxruntime refuses the model: {_line(error)}") from None


class FloatModel:
    """A float model whose every tensor can be seen."""

    def __init__(self, model: onnx.ModelProto, feed: str) -> None:
        visible = onnx.ModelProto()
        visible.CopyFrom(model)
        self.names = [name for node in model.graph.node for name in node.output if name]
        del visible.graph.output[:]
        visible.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in self.names)
        self._feed = feed
        self._session = session(visible.SerializeToString())

    def run(self, sample: Array) -> dict[str, Array]:
        """Every tensor that a node makes, by name. Raises UnreadableModelError."""
        try:
            values = self._session.run(self.names, {self._feed: sample})
        except _REFUSALS as error:
            raise UnreadableModelError(f"the model does not run: {_line(error)}") from None
        return dict(zip(self.names, values, strict=True)) | {self._feed: sample}


def evaluate(graph: Graph, nodes: Sequence[FNode], feeds: dict[str, Array], want: str) -> Array:
    """One tensor of a part of the float graph for other inputs than the model's."""
    model = proto(graph, nodes, feeds, want)
    result: Array = session(model.SerializeToString()).run([want], feeds)[0]
    return result


def proto(
    graph: Graph, nodes: Sequence[FNode], feeds: dict[str, Array], want: str
) -> onnx.ModelProto:
    """The part of the float graph from ``feeds`` to ``want`` as a model."""
    made = [
        helper.make_node(n.op, n.inputs, n.outputs, name=n.name, domain="", **n.attrs)
        for n in nodes
    ]
    used = sorted({name for n in nodes for name in n.inputs if name in graph.consts})
    inputs = [
        helper.make_tensor_value_info(name, _elem(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    body = helper.make_graph(
        made,
        "part",
        inputs,
        [helper.make_empty_tensor_value_info(want)],
        [numpy_helper.from_array(graph.consts[name], name) for name in used],
    )
    opsets = [helper.make_opsetid("", graph.opset)]
    model = helper.make_model(body, opset_imports=opsets)
    model.ir_version = IR_VERSION
    return model


def _elem(dtype: np.dtype[Any]) -> int:
    kind: int = helper.np_dtype_to_tensor_dtype(dtype)
    return kind if kind else TensorProto.FLOAT


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
