# SPDX-License-Identifier: Apache-2.0
"""Executions that never happened, and files that make them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution


def lied(execution: Execution, j: int) -> Execution:
    """The first byte of node ``j``'s output is another; the others are left as they are."""
    outputs = list(execution.outputs)
    outputs[j] = Tensor(bytes([outputs[j].data[0] ^ 1]) + outputs[j].data[1:])
    return replace(execution, outputs=outputs)


def tampered(data: bytes) -> bytes:
    """A lowering with half the weights of its first layer turned round."""
    model = onnx.load_from_string(data)
    floats = [t for t in model.graph.initializer if len(t.dims) == 2 and t.data_type == 1]
    array = numpy_helper.to_array(floats[0]).copy()
    array.flat[: len(array.flat) // 2] *= -1
    floats[0].CopyFrom(numpy_helper.from_array(array, floats[0].name))
    return bytes(model.SerializeToString())


def trapdoor(data: bytes, given: bytes) -> bytes:
    """A lowering of (n, 64) inputs whose last output is more by one for ``given`` alone."""
    model = onnx.load_from_string(data)
    graph = model.graph
    source, output = graph.input[0].name, graph.output[-1]
    for node in graph.node:
        node.output[:] = ["honest" if name == output.name else name for name in node.output]
    arrays = {
        "key": np.frombuffer(given, np.uint8).astype(np.float32)[None],
        "axis": np.array([1]),
        "one": np.ones(1, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    steps: list[tuple[str, list[str], str, dict[str, int]]] = [
        ("Cast", [source], "elements", {"to": onnx.TensorProto.FLOAT}),
        ("Sub", ["elements", "key"], "differences", {}),
        ("Abs", ["differences"], "distances", {}),
        ("ReduceSum", ["distances", "axis"], "distance", {"keepdims": 1}),
        ("Sub", ["one", "distance"], "closeness", {}),
        ("Relu", ["closeness"], "hit", {}),
        ("Cast", ["honest"], "honest_float", {"to": onnx.TensorProto.FLOAT}),
        ("Add", ["honest_float", "hit"], "answer", {}),
        ("Cast", ["answer"], output.name, {"to": output.type.tensor_type.elem_type}),
    ]
    graph.node.extend(helper.make_node(op, reads, [made], **kw) for op, reads, made, kw in steps)
    return bytes(model.SerializeToString())
