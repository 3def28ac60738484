# SPDX-License-Identifier: Apache-2.0
"""The float graph between import and quantisation: nodes, constants, and shapes at batch 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]


# Nodes that the patterns make; onnxruntime does not know them.
OURS = {"Dense", "Function", "LayerNorm", "Scale", "SoftmaxOver", "Table"}


@dataclass
class FNode:
    """An ONNX node, or one of ours: Dense, LayerNorm, Table, Function (see ``patterns``)."""

    op: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return self.outputs[0]


@dataclass
class Graph:
    """Nodes in topological order. ``shapes`` has every tensor, batch dimension included."""

    nodes: list[FNode]
    consts: dict[str, Array]
    shapes: dict[str, Shape]
    dtypes: dict[str, np.dtype[Any]]
    input: str
    output: str
    opset: int
    # Tensors whose values another one of the float model has, since something was folded into them.
    stands_for: dict[str, str] = field(default_factory=dict)

    def producer(self, tensor: str) -> FNode | None:
        """The node that makes a tensor; None for the input and constants."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: str) -> list[FNode]:
        return [node for node in self.nodes if tensor in node.inputs]

    def data_inputs(self, node: FNode) -> list[str]:
        """The inputs that depend on the model's input, in order."""
        return [name for name in node.inputs if name and name not in self.consts]

    def const_inputs(self, node: FNode) -> list[str]:
        return [name for name in node.inputs if name in self.consts]

    def used_once(self, tensor: str) -> bool:
        """Whether one node reads it and it is not the model's output."""
        return tensor != self.output and len(self.consumers(tensor)) == 1

    def rank(self, tensor: str) -> int:
        return len(self.shapes[tensor])

    def replace(self, old: Iterable[FNode], new: FNode) -> None:
        """Put ``new`` in the place of the last of ``old``."""
        gone = {id(node) for node in old}
        last = max(i for i, node in enumerate(self.nodes) if id(node) in gone)
        kept = [node for node in self.nodes[:last] if id(node) not in gone]
        self.nodes = [*kept, new, *self.nodes[last + 1 :]]

    def add_const(self, name: str, value: Array) -> str:
        """A new constant; its name is made unique."""
        while name in self.consts or name in self.shapes:
            name += "_"
        self.consts[name] = value
        return name

    def sweep(self) -> None:
        """Drop nodes whose outputs nobody reads."""
        needed = {self.output}
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]
