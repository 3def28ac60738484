# SPDX-License-Identifier: Apache-2.0
"""Slices that take everything, which converters leave behind."""

from __future__ import annotations

from verifiers.opml.compiler.graph import Graph


def drop_empty_slices(graph: Graph) -> None:
    """A slice with positive steps whose output has its input's shape is a copy."""
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.nodes:
        node.inputs = [renamed.get(name, name) for name in node.inputs]
        if node.op == "Slice" and _takes_all(graph, node.inputs, node.output):
            renamed[node.output] = node.inputs[0]
        else:
            kept.append(node)
    graph.nodes = kept
    graph.output = renamed.get(graph.output, graph.output)


def _takes_all(graph: Graph, inputs: list[str], output: str) -> bool:
    steps = graph.consts.get(inputs[4]) if len(inputs) > 4 else None
    forward = steps is None or bool((steps > 0).all())
    return forward and graph.shapes[inputs[0]] == graph.shapes[output]
