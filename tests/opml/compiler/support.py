# SPDX-License-Identifier: Apache-2.0
"""Small float models, and the comparison of lowerings with the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from verifiers.opml import reference
from verifiers.opml.certificate import certify
from verifiers.opml.compiler import ir, lower
from verifiers.opml.compiler.compile import Compiled, compile_graph, encode_input
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.runner import session

Array = np.ndarray[Any, np.dtype[Any]]


def model(
    nodes: list[onnx.NodeProto],
    shape: list[Any],
    consts: dict[str, Array] | None = None,
    opset: int = 17,
    made: int = TensorProto.FLOAT,
    rank: int = 3,
) -> bytes:
    """A model from ``x`` to ``y``."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", made, [f"d{i}" for i in range(rank)])],
        [numpy_helper.from_array(value, name) for name, value in (consts or {}).items()],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    whole.ir_version = 8
    return bytes(whole.SerializeToString())


def compiled(data: bytes, samples: list[Array]) -> Compiled:
    return compile_graph(data, samples)


def assert_exact(made: Compiled, samples: list[Array]) -> None:
    """Trace, all lowerings and the reference agree on samples, random and extreme inputs."""
    program = made.program
    nodes, weights = emit(program)
    dtype = ir.DTYPE[program.input.quant.code]
    certify(nodes, weights, int(np.prod(program.input.shape)) * dtype.itemsize)
    rng = np.random.default_rng(0)
    most = np.iinfo(dtype).max
    inputs = [encode_input(program, sample) for sample in samples]
    shape = program.input.shape
    inputs += [np.full(shape, fill, dtype) for fill in (0, most)]
    inputs += [rng.integers(0, most, shape, endpoint=True).astype(dtype)]
    trace = session(lower.trace(program), optimise=True)
    for given in inputs:
        expected = reference.execute(nodes, weights, given.tobytes())
        found = trace.run(None, {lower.INPUT: given[None]})
        for op, want, have in zip(program.ops, expected, found, strict=True):
            assert have.tobytes() == want, op.name
        answer = expected[program.output]
        for target in ("f32", "u8", "cuda"):
            run = session(lower.model(program, target), optimise=True)  # type: ignore[arg-type]
            assert run.run(None, {lower.INPUT: given[None]})[0].tobytes() == answer, target


def difference(made: Compiled, data: bytes, samples: list[Array]) -> tuple[float, float]:
    """The largest error against the float model, and the output's step."""
    parent, child = session(data), session(lower.model(made.program))
    quant, worst = made.values[made.graph.output].quant, 0.0
    for sample in samples:
        (want,) = parent.run(None, {"x": sample[None]})
        given = encode_input(made.program, sample)[None]
        have = quant.real(child.run(None, {lower.INPUT: given})[0])
        worst = max(worst, float(np.abs(want.reshape(-1) - have.reshape(-1)).max()))
    return worst, quant.scale
