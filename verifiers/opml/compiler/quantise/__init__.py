# SPDX-License-Identifier: Apache-2.0
"""Float graph -> quantised program: one small handler for each kind of float node."""

from __future__ import annotations

from collections.abc import Callable

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import FNode, Graph
from verifiers.opml.compiler.ir import Quant
from verifiers.opml.compiler.plan import Plan
from verifiers.opml.compiler.quantise import elementwise, linear, norms, reductions, shapes
from verifiers.opml.compiler.quantise.context import Context
from verifiers.opml.compiler.views import View
from verifiers.opml.program import Kind

Handler = Callable[[Context, FNode], None]

HANDLERS: dict[str, Handler] = {
    "Add": elementwise.add,
    "ArgMax": elementwise.arg_max,
    "AveragePool": reductions.average_pool,
    "BatchNormalization": elementwise.batch_norm,
    "Cast": elementwise.cast,
    "Concat": shapes.concat,
    "Conv": linear.conv,
    "Dense": linear.dense,
    "Div": elementwise.divide,
    "Expand": shapes.expand,
    "Flatten": shapes.reshape,
    "Function": elementwise.function,
    "Gather": shapes.gather,
    "GlobalAveragePool": reductions.global_average,
    "GlobalMaxPool": reductions.global_max,
    "LayerNorm": norms.layer_norm,
    "MatMul": linear.product,
    "MaxPool": reductions.max_pool,
    "Mul": elementwise.multiply,
    "Pad": shapes.pad,
    "ReduceMax": reductions.reduce_max,
    "ReduceMean": reductions.reduce_mean,
    "ReduceSum": reductions.reduce_sum,
    "Reshape": shapes.reshape,
    "Scale": elementwise.scale,
    "Slice": shapes.slices,
    "Softmax": norms.softmax_native,
    "SoftmaxOver": norms.softmax,
    "Split": shapes.split,
    "Squeeze": shapes.reshape,
    "Sub": elementwise.add,
    "Table": elementwise.table,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.reshape,
}


_REASONS = {
    "Gemm": "its matrix must be constant, its first input not transposed, its bias a row",
    "LayerNormalization": "gamma and beta must be constant, and only the first output used",
}


def quantise(graph: Graph, plan: Plan, source: Quant) -> tuple[ir.Program, dict[str, ir.Value]]:
    """The program, and the value of each float tensor that is left; raises UnsupportedError."""
    at = Context(graph, plan, source)
    for node in graph.nodes:
        handler = HANDLERS.get(node.op)
        if handler is None:
            raise UnsupportedError(node.name, node.op, _REASONS.get(node.op, "not supported"))
        handler(at, node)
    result = at.values[graph.output]
    whole = View.stored(result.shape, range(len(result.shape)))
    if result.kind != Kind.TRACE or result.steps or result.view != whole:
        result = at.build.copy(result, range(len(result.shape)), "output")
    at.build.program.output = result.index
    return at.build.program, at.values
