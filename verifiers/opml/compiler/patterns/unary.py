# SPDX-License-Identifier: Apache-2.0
"""Functions of one number, however many nodes they take: they become tables, clamps or scales."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from verifiers.opml.compiler.graph import Array, FNode, Graph

ELEMENTWISE = {
    "Abs", "Add", "And", "Cast", "Ceil", "Celu", "Clip", "Div", "Elu", "Equal", "Erf", "Exp",
    "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pow",
    "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Sub",
    "Tanh", "ThresholdedRelu", "Where", "Xor",
}  # fmt: skip
CLAMPABLE = {"Conv", "Dense", "Add", "Sub", "Mul"}
_CLAMPS = {"Relu", "Clip", "Max", "Min"}
_SCALES = {"Mul", "Div"}
_STRAIGHT = {"HardSigmoid", "Add", "Sub", *_CLAMPS, *_SCALES}
_FAR, _RAMP = 1e30, 64.0


class Function:
    """A float function of one number: nodes of the graph from ``x`` to ``y``."""

    def __init__(self, graph: Graph, x: str, y: str, nodes: list[FNode]) -> None:
        self.ops = {node.op for node in nodes}
        made = [helper.make_node(n.op, n.inputs, n.outputs, **n.attrs) for n in nodes]
        names = sorted({name for n in nodes for name in n.inputs if name in graph.consts})
        stored = [numpy_helper.from_array(_wide(graph.consts[n]), n) for n in names]
        free = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, None) for n in (x, y)]
        body = helper.make_graph(made, "function", free[:1], free[1:], stored)
        opsets = [helper.make_opsetid("", graph.opset)]
        self._model: onnx.ModelProto = helper.make_model(body, opset_imports=opsets)
        self._x = x

    def __call__(self, reals: Array) -> Array:
        """In float64, so that rounding to an element is the same on every machine."""
        with np.errstate(all="ignore"):
            (result,) = ReferenceEvaluator(self._model).run(
                None, {self._x: np.asarray(reals, np.float64)}
            )
        return np.nan_to_num(np.asarray(result, np.float64), posinf=_FAR, neginf=-_FAR)

    @property
    def clamp(self) -> tuple[float, float] | None:
        """The limits, when it does nothing but clip."""
        if not self.ops <= _CLAMPS:
            return None
        lo, hi = self(np.array([-_FAR, _FAR]))
        return float(lo), float(hi)

    @property
    def ramp(self) -> tuple[float, float, float, float] | None:
        """Gain, offset and limits, when it is a straight line between two limits."""
        if not self.ops <= _STRAIGHT:
            return None
        lo, hi = self(np.array([-_FAR, _FAR]))
        x = np.linspace(-_RAMP, _RAMP, 4097)
        y = self(x)
        inner = np.flatnonzero((y > lo) & (y < hi))
        if not lo < hi or len(inner) < 2:
            return None
        first, last = inner[0], inner[-1]
        gain = float((y[last] - y[first]) / (x[last] - x[first]))
        offset = float(y[first] - gain * x[first])
        straight = np.allclose(np.clip(gain * x + offset, lo, hi), y, rtol=0, atol=1e-9)
        return (gain, offset, float(lo), float(hi)) if straight else None

    @property
    def is_hard_swish(self) -> bool:
        """Whether it is ``x * clip(x + 3, 0, 6) / 6``."""
        x = np.linspace(-6, 6, 97)
        return bool(np.allclose(self(x), x * np.clip(x + 3, 0, 6) / 6, atol=1e-5))

    @property
    def factor(self) -> float | None:
        """The positive number that it multiplies by, when it does nothing else."""
        if not self.ops <= _SCALES:
            return None
        one, two, low = self(np.array([1.0, 2.0, -1.0]))
        linear = one > 0 and np.isclose(two, 2 * one) and np.isclose(low, -one)
        return float(one) if linear else None


def _wide(value: Array) -> Array:
    """As a scalar, so that results keep the shape of what goes in."""
    scalar = value.reshape(())
    return scalar.astype(np.float64) if value.dtype.kind == "f" else scalar


def find_functions(graph: Graph) -> None:
    """Rewrite as nodes ``Function`` with the attribute ``call``."""
    origin: dict[str, str] = {}
    for node in graph.nodes:
        found = _origin(graph, node, origin)
        if found is not None:
            origin[node.output] = found
    needed = {name for n in graph.nodes if n.output not in origin for name in n.inputs}
    made = {n.output: n for n in graph.nodes}
    whole = list(graph.nodes)
    for name in [n for n in origin if n in needed | {graph.output}]:
        nodes = _path(whole, origin[name], name)
        node = FNode("Function", made[name].name, [origin[name]], [name])
        node.attrs["call"] = Function(graph, origin[name], name, nodes)
        graph.nodes[graph.nodes.index(made[name])] = node
    graph.sweep()


def _origin(graph: Graph, node: FNode, origin: dict[str, str]) -> str | None:
    """The tensor that the node's output is a function of, number by number."""
    data = graph.data_inputs(node)
    if node.op not in ELEMENTWISE or not data or len(node.outputs) != 1:
        return None
    if any(graph.consts[name].size != 1 for name in graph.const_inputs(node)):
        return None
    sources = {origin.get(name, name) for name in data}
    if len(sources) > 1:
        sources = set(data)
    source = sources.pop()
    same = graph.shapes[node.output] == graph.shapes[source]
    return source if not sources and same and graph.dtypes[source].kind == "f" else None


def _path(nodes: list[FNode], x: str, y: str) -> list[FNode]:
    needed, path = {y}, []
    for node in reversed(nodes):
        if needed.intersection(node.outputs) and node.output != x:
            needed.update(name for name in node.inputs if name != x)
            path.append(node)
    return path[::-1]


def simplify_functions(graph: Graph) -> None:
    """Clamps become the limits of the node before them, multiplications become ``Scale``."""
    for node in [n for n in graph.nodes if n.op == "Function"]:
        call: Function = node.attrs["call"]
        if call.factor is not None:
            node.op, node.attrs = "Scale", {"factor": call.factor}
        elif call.clamp is not None:
            _fuse_clamp(graph, node, call.clamp)
        elif call.ramp is not None:
            _fuse_ramp(graph, node, *call.ramp)


def _fuse_clamp(graph: Graph, node: FNode, clamp: tuple[float, float]) -> None:
    x = node.inputs[0]
    before = graph.producer(x)
    if before is None or before.op not in CLAMPABLE or not graph.used_once(x):
        return
    if "clamp" in before.attrs:
        return
    before.attrs["clamp"] = clamp
    before.outputs = [node.output]
    graph.nodes.remove(node)


def _fuse_ramp(graph: Graph, node: FNode, gain: float, offset: float, lo: float, hi: float) -> None:
    """Into the linear node before it, which then makes what the function makes."""
    before = graph.producer(node.inputs[0])
    if before is None or "bias" not in before.attrs or "clamp" in before.attrs:
        return
    if graph.used_once(node.inputs[0]):
        before.attrs["weight"] = before.attrs["weight"] * gain
        before.attrs["bias"] = before.attrs["bias"] * gain + offset
        _fuse_clamp(graph, node, (lo, hi))
