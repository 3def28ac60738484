# SPDX-License-Identifier: Apache-2.0
"""What the handlers of the float nodes share: names -> values, shapes without batch, constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verifiers.opml.compiler.builder import Builder
from verifiers.opml.compiler.errors import UnsupportedError
from verifiers.opml.compiler.graph import Array, FNode, Graph, Shape
from verifiers.opml.compiler.ir import Quant, Value
from verifiers.opml.compiler.plan import Plan
from verifiers.opml.program import Code

_CONST_STEPS = 1023


class Context:
    """Quantisation under way."""

    def __init__(self, graph: Graph, plan: Plan, source: Quant) -> None:
        self.graph = graph
        self.plan = plan
        self.build = Builder(plain(graph.shapes[graph.input]), source)
        self.values: dict[str, Value] = {graph.input: self.build.program.input}

    def shape(self, tensor: str) -> Shape:
        """Without a leading batch of 1."""
        return plain(self.graph.shapes[tensor])

    def axis(self, node: FNode, tensor: str, axis: int) -> int:
        """An axis of the float tensor as one of the value."""
        rank = self.graph.rank(tensor)
        lead = rank - len(self.shape(tensor))
        if axis % rank < lead:
            raise UnsupportedError(node.name, node.op, "it works along the batch")
        return axis % rank - lead

    def read(self, node: FNode, index: int = 0) -> Value:
        """The value of an input that depends on the model's."""
        name = node.inputs[index]
        if name not in self.values:
            raise UnsupportedError(node.name, node.op, f"input {index} ({name}) can't be constant")
        return self.values[name]

    def const(self, node: FNode, index: int) -> Array:
        """A constant input."""
        name = node.inputs[index]
        if name not in self.graph.consts:
            raise UnsupportedError(node.name, node.op, f"input {index} ({name}) must be constant")
        return self.graph.consts[name]

    def operand(self, node: FNode, index: int) -> Value:
        """An input to be combined element by element: constants become stored integers."""
        name, rank = node.inputs[index], len(self.shape(node.output))
        if name in self.values:
            return self.build.align(self.values[name], rank, node.name)
        value = np.asarray(self.graph.consts[name], np.float64)
        while value.ndim > rank:
            if value.shape[0] != 1:
                raise UnsupportedError(node.name, node.op, "a constant has a batch of its own")
            value = value[0]
        value = value.reshape((1,) * (rank - value.ndim) + value.shape)
        scale = float(np.abs(value).max() or 1.0) / _CONST_STEPS
        return self.build.const(np.rint(value / scale), scale)

    def narrow(self, node: FNode, value: Value, tensor: str) -> Value:
        """As bytes, which is what products read."""
        quant = value.quant
        if quant.code == Code.U8 and 0 <= quant.zero <= 255:
            return value
        return self.build.requantise(value, self.plan.byte(tensor), node.name)

    def done(self, node: FNode, value: Value, output: int = 0) -> None:
        """``value`` is the node's output, up to dimensions of size 1."""
        name = node.outputs[output]
        self.values[name] = self.build.reshape(value, self.shape(name), node.name)


def plain(shape: Shape) -> Shape:
    """A shape without its batch of 1."""
    return shape[1:] if shape[:1] == (1,) else shape


def limited(quant: Quant, clamp: tuple[float, float] | None) -> Quant:
    """The quantisation with elements limited to reals between two numbers."""
    if clamp is None:
        return quant
    lo, hi = (int(e) for e in quant.element(np.array(clamp)))
    return replace(quant, lo=max(quant.lo, lo), hi=min(quant.hi, hi))
