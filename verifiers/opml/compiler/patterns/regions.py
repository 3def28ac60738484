# SPDX-License-Identifier: Apache-2.0
"""Parts of the float graph with one data input and one output, around an anchor node.

What such a part computes is found by running it, not by comparing node names: exporters write the
same LayerNorm in a dozen ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verifiers.opml.compiler.graph import OURS, Array, FNode, Graph
from verifiers.opml.compiler.runner import evaluate

_REACH = 24


@dataclass
class Region:
    """Nodes between tensor ``x`` and tensor ``y``."""

    graph: Graph
    x: str
    y: str
    nodes: list[FNode]

    def ops(self) -> set[str]:
        return {node.op for node in self.nodes}

    def run(self, value: Array) -> Array:
        """``y`` for another ``x``."""
        return evaluate(self.graph, self.nodes, {self.x: value}, self.y)

    def replace(self, op: str, **attrs: object) -> FNode:
        """Put one node in the region's place."""
        node = FNode(op, self.nodes[-1].name, [self.x], [self.y], dict(attrs))
        self.graph.replace(self.nodes, node)
        return node


class Flow:
    """Dominators of the data flow: what every path to, or from, a tensor passes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._order = [graph.input, *(out for node in graph.nodes for out in node.outputs)]
        self._place = {name: i for i, name in enumerate(self._order)}
        self._before = self._dominators()
        self._after = self._post_dominators()

    def around(self, anchor: str) -> Iterator[tuple[str, list[str]]]:
        """Candidates for x, nearest first, each with candidates for y, nearest first."""
        before = sorted(self._before[anchor] - {anchor}, key=self._place.__getitem__)
        after = sorted(self._after[anchor], key=self._place.__getitem__)
        for x in reversed(before[-_REACH:]):
            yield x, after[:_REACH]

    def region(self, x: str, y: str) -> Region | None:
        """What lies between, when nothing else enters or leaves it and it can be run."""
        nodes = self._between(x, y)
        inside = {name for node in nodes for name in node.outputs}
        known = inside | {x} | self._graph.consts.keys() | {""}
        closed = all(name in known for node in nodes for name in node.inputs)
        hidden = inside - {y}
        leaks = self._graph.output in hidden or any(
            name in hidden
            for node in self._graph.nodes
            if not inside.intersection(node.outputs)
            for name in node.inputs
        )
        if not nodes or not closed or leaks or any(node.op in OURS for node in nodes):
            return None
        return Region(self._graph, x, y, nodes)

    def _between(self, x: str, y: str) -> list[FNode]:
        reached = {x}
        forward = []
        for node in self._graph.nodes:
            if reached.intersection(node.inputs):
                reached.update(node.outputs)
                forward.append(node)
        needed, kept = {y}, []
        for node in reversed(forward):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        return kept[::-1]

    def _dominators(self) -> dict[str, set[str]]:
        found = {self._graph.input: {self._graph.input}}
        for node in self._graph.nodes:
            above = [found[name] for name in self._graph.data_inputs(node)]
            shared = set.intersection(*above)
            found.update({name: shared | {name} for name in node.outputs})
        return found

    def _post_dominators(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        readers: dict[str, list[FNode]] = {}
        for node in self._graph.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node)
        for name in reversed(self._order):
            below = [found[out] for node in readers.get(name, []) for out in node.outputs]
            ends = name == self._graph.output or not below
            found[name] = {name} | (set() if ends else set.intersection(*below))
        return found
