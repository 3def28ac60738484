# SPDX-License-Identifier: Apache-2.0
"""Executions that never happened, and files that make them."""

from __future__ import annotations

from dataclasses import replace

import onnx
from onnx import numpy_helper

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
