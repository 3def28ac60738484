# SPDX-License-Identifier: Apache-2.0
"""ONNX bytes -> a float graph at batch 1 with known shapes, and constants folded.

Shapes and constants are not inferred but observed: the model runs once with every tensor visible,
and what does not depend on the input (shapes do not) is a constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper

from verifiers.opml.compiler.errors import (
    SamplesError,
    SignatureError,
    UnreadableModelError,
    UnsupportedError,
)
from verifiers.opml.compiler.graph import Array, FNode, Graph
from verifiers.opml.compiler.runner import FloatModel

_SHAPE_ONLY = {"Shape", "Size", "ConstantOfShape"}
_COPIES = {"Identity", "Dropout"}


def load(data: bytes) -> onnx.ModelProto:
    """Raises UnreadableModelError, and UnsupportedError for control flow and foreign domains."""
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise UnreadableModelError(f"no valid ONNX model: {str(error)[:200]}") from None
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise UnsupportedError(node.name, node.op_type, f"its domain is {node.domain}")
        if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
            raise UnsupportedError(node.name, node.op_type, "control flow has no fixed trace")
    return model


def signature(model: onnx.ModelProto, output: str = "") -> tuple[str, str]:
    """The names of the one input and of the chosen output; raises SignatureError."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in stored]
    outputs = [value.name for value in model.graph.output]
    if len(inputs) != 1:
        raise SignatureError(f"the model has {len(inputs)} inputs, a program has one: {inputs}")
    if not output and len(outputs) != 1:
        raise SignatureError(
            f"the model has {len(outputs)} outputs, choose one with --output: {outputs}"
        )
    chosen = output or outputs[0]
    if chosen not in {name for node in model.graph.node for name in node.output}:
        raise SignatureError(f"no node of the model makes {chosen!r}")
    return inputs[0], chosen


def input_type(model: onnx.ModelProto, name: str) -> tuple[np.dtype[Any], list[int | None]]:
    """NumPy type and dimensions (None where free) of the model's input."""
    info = next(value for value in model.graph.input if value.name == name)
    tensor = info.type.tensor_type
    dims = [d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim]
    return np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)), dims


def fit(model: onnx.ModelProto, name: str, sample: Array) -> Array:
    """A sample as the model takes it, batch dimension of 1 included; raises SamplesError."""
    dtype, dims = input_type(model, name)
    if sample.ndim == len(dims) - 1 and dims[:1] in ([None], [1]):
        sample = sample[None]
    fits = sample.ndim == len(dims) and all(
        want in (None, got) for want, got in zip(dims, sample.shape, strict=True)
    )
    if not fits:
        takes = str(dims[1:] if dims[:1] in ([None], [1]) else dims).replace("None", "any")
        raise SamplesError(
            f"a sample has shape {list(sample.shape)}, input {name} takes {takes} "
            "(a file has its samples on the first axis)"
        )
    return np.ascontiguousarray(sample.astype(dtype))


def import_graph(model: onnx.ModelProto, sample: Array, output: str = "") -> Graph:
    """``sample`` as from ``fit``; its shape becomes the program's."""
    feed, chosen = signature(model, output)
    values = FloatModel(model, feed).run(sample)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    consts, live = dict(stored), {feed}
    nodes = []
    for i, raw in enumerate(model.graph.node):
        node = _node(raw, i)
        if node.op not in _SHAPE_ONLY and live.intersection(node.inputs):
            live.update(node.outputs)
            nodes.append(node)
        else:
            consts.update({name: values[name] for name in node.outputs if name})
    if chosen not in live:
        raise SignatureError(f"output {chosen!r} does not depend on the input")
    graph = Graph(
        nodes,
        consts,
        {name: tuple(value.shape) for name, value in values.items()},
        {name: value.dtype for name, value in values.items()},
        feed,
        chosen,
        _opset(model),
    )
    _drop_copies(graph)
    graph.sweep()
    return graph


def _node(raw: onnx.NodeProto, index: int) -> FNode:
    attrs = {a.name: helper.get_attribute_value(a) for a in raw.attribute}
    outputs = [name for name in raw.output if name]
    name = raw.name or next(iter(outputs), f"{raw.op_type}_{index}")
    return FNode(raw.op_type, name, list(raw.input), outputs, attrs)


def _opset(model: onnx.ModelProto) -> int:
    return max(int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx"))


def _drop_copies(graph: Graph) -> None:
    """Identity and inference-time Dropout: their readers read what they copy."""
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.nodes:
        node.inputs = [renamed.get(name, name) for name in node.inputs]
        if node.op in _COPIES:
            renamed[node.output] = node.inputs[0]
        else:
            kept.append(node)
    graph.nodes = kept
    graph.output = renamed.get(graph.output, graph.output)
