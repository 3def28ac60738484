# SPDX-License-Identifier: Apache-2.0
"""Collects ONNX nodes and constants under short, deterministic names."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from verifiers.opml.compiler.graph import Array

OPSET = 17
IR_VERSION = 8
ONNX_TYPE = {
    np.dtype("u1"): TensorProto.UINT8,
    np.dtype("<u2"): TensorProto.UINT16,
    np.dtype("<i4"): TensorProto.INT32,
    np.dtype("<i8"): TensorProto.INT64,
    np.dtype("<f4"): TensorProto.FLOAT,
    np.dtype("<f8"): TensorProto.DOUBLE,
}


class Writer:
    """An ONNX graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._consts: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._stored: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._known: list[onnx.ValueInfoProto] = []

    def __call__(self, op: str, *inputs: str, **attrs: Any) -> str:
        """One node with one output; returns the output's name."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], **attrs))
        return name

    def const(self, value: Array) -> str:
        """A constant; equal ones are stored once."""
        value = np.ascontiguousarray(value)
        key = (value.tobytes(), value.dtype.str, value.shape)
        if key not in self._consts:
            self._consts[key] = f"c{len(self._consts)}"
            self._stored.append(numpy_helper.from_array(value, self._consts[key]))
        return self._consts[key]

    def number(self, value: float, dtype: Any = np.float32) -> str:
        return self.const(np.asarray(value, dtype))

    def ints(self, *values: int) -> str:
        return self.const(np.asarray(values, np.int64))

    def cast(self, x: str, dtype: Any) -> str:
        return self("Cast", x, to=ONNX_TYPE[np.dtype(dtype)])

    def split(self, x: str, axis: int, outputs: int) -> list[str]:
        names = [f"t{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node("Split", [x], names, axis=axis))
        return names

    def input(self, name: str, dtype: Any, shape: tuple[int, ...]) -> str:
        info = helper.make_tensor_value_info(name, ONNX_TYPE[np.dtype(dtype)], ["n", *shape])
        self._inputs.append(info)
        return name

    def output(self, x: str, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self._nodes.append(helper.make_node("Identity", [x], [name]))
        info = helper.make_tensor_value_info(name, ONNX_TYPE[np.dtype(dtype)], ["n", *shape])
        self._outputs.append(info)

    def shaped(self, x: str, shape: tuple[int, ...]) -> str:
        """Says what shape float32 ``x`` has, where ONNX would not find out."""
        self._known.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", *shape]))
        return x

    def model(self) -> bytes:
        graph = helper.make_graph(
            self._nodes, "opml", self._inputs, self._outputs, self._stored, value_info=self._known
        )
        model = helper.make_model(
            graph,
            producer_name="model-network",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        return bytes(model.SerializeToString(deterministic=True))
