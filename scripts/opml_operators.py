# SPDX-License-Identifier: Apache-2.0
"""ONNX's own test cases for the operators that the compiler knows, and what becomes of them.

    python scripts/opml_operators.py > docs/opml-operators.md

The first input of a case becomes the program's input, the others constants.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from verifiers.opml import reference
from verifiers.opml.compiler.compile import compile_graph, encode_input
from verifiers.opml.compiler.emit import emit
from verifiers.opml.compiler.errors import CompileError
from verifiers.opml.compiler.ir import DTYPE

OPERATORS = (
    "Add", "ArgMax", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "Div",
    "Erf", "Expand", "Flatten", "Gather", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool",
    "HardSigmoid", "HardSwish", "LayerNormalization", "MatMul", "MaxPool", "Mul", "Pad",
    "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Slice", "Softmax",
    "Split", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
)  # fmt: skip
# Of the output's range: a few steps of a byte, for input, weights and output together.
TOLERANCE = 0.025


@dataclass(frozen=True, eq=False)
class Case:
    """One of ONNX's cases: a model, its inputs and recorded outputs."""

    name: str
    op: str
    model: onnx.ModelProto
    inputs: list[Any]
    outputs: list[Any]


@cache
def cases() -> tuple[Case, ...]:
    """Cases of one node of a listed operator, by name."""
    # Some cases, of operators that don't matter here, are written for NumPy 2.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with patch.object(np, "bool", np.bool_, create=True):
            found = collect_testcases(None)
    kept = []
    for case in found:
        ops = [node.op_type for node in case.model.graph.node]
        if len(ops) == 1 and ops[0] in OPERATORS and case.data_sets:
            inputs, outputs = case.data_sets[0]
            kept.append(Case(case.name, ops[0], case.model, _arrays(inputs), _arrays(outputs)))
    return tuple(sorted(kept, key=lambda case: case.name))


def _arrays(values: Any) -> list[Any]:
    """NumPy's scalars as arrays; what is neither stays."""
    return [np.asarray(v) if isinstance(v, np.generic) else v for v in values]


@cache
def outcome(name: str) -> str:
    """Empty when reference and record agree, else why the case is refused.

    Raises AssertionError when they don't agree.
    """
    case = next(case for case in cases() if case.name == name)
    if not all(isinstance(value, np.ndarray) for value in (*case.inputs, *case.outputs)):
        return "its data are no tensors"
    x, want = case.inputs[0], case.outputs[0]
    if not x.size or not want.size or want.dtype.kind not in "fiub":
        return "empty tensors, or types without numbers"
    try:
        made = compile_graph(_one_input(case), [x])
    except CompileError as error:
        return getattr(error, "reason", error.message)
    nodes, weights = emit(made.program)
    given = encode_input(made.program, x).tobytes()
    elements = reference.execute(nodes, weights, given)[made.program.output]
    op = made.program.ops[made.program.output]
    quant = made.values[made.graph.output].quant
    have = quant.real(np.frombuffer(elements, DTYPE[op.quant.code]))
    expected = want.astype(np.float64).reshape(-1)
    width = max(float(expected.max() - expected.min()), float(np.abs(expected).max()))
    error = float(np.abs(have - expected).max())
    assert error <= TOLERANCE * width + quant.scale, (case.name, error, width)
    return ""


def _one_input(case: Case) -> bytes:
    """The model with all inputs but the first as constants, and its first output only."""
    made = onnx.ModelProto()
    made.CopyFrom(case.model)
    del made.graph.input[1:]
    del made.graph.output[1:]
    names = [value.name for value in case.model.graph.input]
    for name, value in zip(names[1:], case.inputs[1:], strict=True):
        made.graph.initializer.append(numpy_helper.from_array(value, name))
    return bytes(made.SerializeToString())


def table() -> str:
    """docs/opml-operators.md."""
    agreed: dict[str, int] = defaultdict(int)
    refused: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case in cases():
        reason = outcome(case.name)
        if reason:
            refused[case.op][_short(reason)] += 1
        else:
            agreed[case.op] += 1
    lines = [HEAD]
    for op in OPERATORS:
        reasons = "; ".join(f"{n} x {why}" for why, n in sorted(refused[op].items()))
        lines.append(f"| {op} | {agreed[op]} | {sum(refused[op].values())} | {reasons} |")
    return "\n".join(lines) + "\n"


def _short(reason: str) -> str:
    """Without what differs between cases."""
    words = [word for word in reason.replace("|", "/").split() if not any(map(str.isdigit, word))]
    return " ".join(words)[:110]


HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
# ONNX operators under method `opml`

What the compiler makes of the test cases that ONNX has for each operator (`onnx.backend.test`). A
case *agrees* when the program, run by the reference, gives the recorded output within a few
quantisation steps; otherwise the compiler refuses it with MN-OPML-002 to 005 and this reason. In a
case the first input is the program's input, and the others are constants. Functions of one number
(Erf, Tanh, and chains of such nodes) become tables; whatever only rearranges elements is free.

This file is made by `python scripts/opml_operators.py > docs/opml-operators.md`.

| operator | agree | refused | why |
|---|---|---|---|"""

if __name__ == "__main__":
    print(table(), end="")
