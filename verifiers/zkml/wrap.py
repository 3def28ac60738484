# SPDX-License-Identifier: Apache-2.0
"""A float model between the integers that a circuit has in front and behind.

What an operator's engine runs to load and try a model; answers come from proofs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from offchain_workers.engines.onnx_scan import refuse_external_data
from verifiers.zkml.documents import MISSHAPEN
from verifiers.zkml.errors import CircuitError

_INPUT, _OUTPUT = "values", "answer"


@dataclass(frozen=True)
class Ends:
    """Names and shapes (without batch) of a model's one input and one output."""

    input: str
    input_shape: tuple[int, ...]
    output: str
    output_shape: tuple[int, ...]
    batch: tuple[str, ...]


def load(data: bytes) -> onnx.ModelProto:
    """Raises CircuitError, ExternalDataError, ModelCorruptError."""
    # ezkl would open files of ours that the model names.
    refuse_external_data(data)
    with _named("no ONNX model"):
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
    return model


@contextmanager
def _named(what: str) -> Iterator[None]:
    """What a model of somebody else's making can raise, as a CircuitError."""
    try:
        yield
    except (DecodeError, onnx.checker.ValidationError, *MISSHAPEN) as error:
        raise CircuitError(f"{what}: {next(iter(str(error).splitlines()), 'empty')}") from None


def ends(model: onnx.ModelProto) -> Ends:
    """Raises CircuitError for several inputs or outputs, and for types other than float32."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    outputs = list(model.graph.output)
    if len(inputs) != 1 or len(outputs) != 1:
        raise CircuitError("a circuit has one input and one output")
    for value in (*inputs, *outputs):
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            raise CircuitError(f"{value.name} is not float32")
    (given,), (result,) = inputs, outputs
    names = {d.dim_param for v in (given, result) for d in v.type.tensor_type.shape.dim}
    # A name that is no text is bytes.
    with _named("names of dimensions"):
        batch = tuple(sorted(name for name in names if name))
    return Ends(given.name, _shape(given), result.name, _shape(result), batch)


def wrap(model: onnx.ModelProto, input_scale: int, output_scale: int, whole: bool) -> bytes:
    """``whole``: the float model takes the integers as they are, in its own type. Raises
    CircuitError."""
    wrapped = onnx.ModelProto()
    wrapped.CopyFrom(model)
    graph, at = wrapped.graph, ends(model)
    with _named("no model between integers"):
        if not whole:
            _lead_in(graph, at, input_scale)
        _lead_out(graph, at, output_scale)
        onnx.checker.check_model(wrapped)
    return bytes(wrapped.SerializeToString(deterministic=True))


def _lead_in(graph: onnx.GraphProto, at: Ends, scale: int) -> None:
    (given,) = [value for value in graph.input if value.name == at.input]
    given.name = _INPUT
    given.type.tensor_type.elem_type = TensorProto.INT32
    graph.initializer.append(_number(2.0**-scale, "values_step"))
    nodes = [
        helper.make_node("Cast", [_INPUT], ["values_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["values_float", "values_step"], [at.input]),
    ]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes + rest)


def _lead_out(graph: onnx.GraphProto, at: Ends, scale: int) -> None:
    (result,) = graph.output
    result.name = _OUTPUT
    result.type.tensor_type.elem_type = TensorProto.INT64
    graph.initializer.append(_number(2.0**scale, "answer_steps"))
    graph.node.extend(
        [
            helper.make_node("Mul", [at.output, "answer_steps"], ["answer_scaled"]),
            helper.make_node("Round", ["answer_scaled"], ["answer_whole"]),
            helper.make_node("Cast", ["answer_whole"], [_OUTPUT], to=TensorProto.INT64),
        ]
    )


def _number(value: float, name: str) -> TensorProto:
    return numpy_helper.from_array(np.array(value, np.float32), name)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Without the batch, which is the first dimension and 1 or named."""
    first, *rest = value.type.tensor_type.shape.dim or [None]
    if first is None or (not first.dim_param and first.dim_value != 1):
        raise CircuitError(f"{value.name}: the first dimension must be a batch, named or 1")
    sizes = tuple(dim.dim_value for dim in rest)
    if not sizes or any(size <= 0 for size in sizes):
        raise CircuitError(f"{value.name}: all dimensions but the batch must be fixed")
    return sizes
