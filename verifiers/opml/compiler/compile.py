# SPDX-License-Identifier: Apache-2.0
"""The compiler's middle: float ONNX and samples -> quantised program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifiers.opml.compiler import importer, ir
from verifiers.opml.compiler.calibrate import Progress, Range, calibrate
from verifiers.opml.compiler.errors import SamplesError, UnsupportedError
from verifiers.opml.compiler.graph import Array, Graph
from verifiers.opml.compiler.ir import Quant
from verifiers.opml.compiler.patterns import canonical
from verifiers.opml.compiler.plan import BYTE_LEVELS, Plan, make_quant
from verifiers.opml.compiler.quantise import quantise
from verifiers.opml.program import Code


@dataclass(frozen=True)
class Options:
    """``output`` names the output to compile when the model has several."""

    output: str = ""
    percentile: float = 100.0
    window: int = 3600
    clock: int = 3600


@dataclass(frozen=True)
class Compiled:
    """The program, the float graph that it came from, and the float tensors' values in it."""

    graph: Graph
    program: ir.Program
    values: dict[str, ir.Value]


def compile_graph(
    data: bytes,
    samples: Sequence[Array],
    options: Options | None = None,
    progress: Progress = lambda done, total: None,
) -> Compiled:
    """``samples`` as the float model takes them, one item each. Raises CompileError."""
    chosen = options or Options()
    if not samples:
        raise SamplesError("the compiler needs at least one calibration sample")
    model = importer.load(data)
    feed, _ = importer.signature(model, chosen.output)
    fitted = [importer.fit(model, feed, sample) for sample in samples]
    graph = importer.import_graph(model, fitted[0], chosen.output)
    canonical(graph)
    statistics = calibrate(model, graph, fitted, chosen.percentile, progress)
    source = input_quant(graph, statistics.ranges[feed])
    program, values = quantise(graph, Plan(graph, statistics), source)
    return Compiled(graph, program, values)


def input_quant(graph: Graph, seen: Range) -> Quant:
    """Whole numbers travel as they are; reals are spread over a byte."""
    kind = graph.dtypes[graph.input].kind
    if kind not in "iuf":
        raise UnsupportedError(graph.input, "input", f"its type is {graph.dtypes[graph.input]}")
    if kind in "iu":
        vocabulary = [len(n.attrs["table"]) for n in graph.nodes if n.op == "Table"]
        most = max([int(seen.hi), *(rows - 1 for rows in vocabulary)])
        if most > 0xFFFF or seen.lo < 0:
            raise UnsupportedError(graph.input, "input", f"its numbers reach {seen.lo} to {most}")
        return Quant(1.0, 0, Code.U8, 0, 255) if most <= 255 else Quant(1.0, 0, Code.U16, 0, 65535)
    return make_quant(seen, BYTE_LEVELS)


def encode_input(program: ir.Program, sample: Array) -> Array:
    """A float sample (without batch) as the program's input elements."""
    quant = program.input.quant
    elements = quant.element(np.asarray(sample).reshape(program.input.shape))
    return elements.astype(ir.DTYPE[quant.code])
