# SPDX-License-Identifier: Apache-2.0
"""Finds functions of one integer token: embeddings by Gather, and one-hot times a matrix."""

from __future__ import annotations

import numpy as np

from verifiers.opml.compiler.graph import Array, FNode, Graph
from verifiers.opml.compiler.patterns.regions import Flow, Region

_MOST_EXTENDED = 4096


def find_tables(graph: Graph) -> None:
    """Rewrite as nodes ``Table``: row ``id`` of a float table of shape (rows, width)."""
    for node in list(graph.nodes):
        if node in graph.nodes and _vocabulary(graph, node):
            _try(graph, node)


def _vocabulary(graph: Graph, node: FNode) -> int:
    """How many different ids the node tells apart; 0 when it is none of those."""
    consts = graph.const_inputs(node)
    if not consts or len(graph.data_inputs(node)) != 1:
        return 0
    value = graph.consts[consts[0]]
    if graph.dtypes[graph.data_inputs(node)[0]].kind not in "iu":
        return 0
    if node.op == "Equal" and np.array_equal(value.reshape(-1), np.arange(value.size)):
        return int(value.size)
    if node.op == "Gather" and node.inputs[0] == consts[0] and value.dtype.kind == "f":
        return value.shape[0] if node.attrs.get("axis", 0) == 0 and value.ndim == 2 else 0
    return 0


def _try(graph: Graph, anchor: FNode) -> None:
    rows = _vocabulary(graph, anchor)
    flow = Flow(graph)
    best: tuple[Region, Array] | None = None
    for x, ends in flow.around(anchor.output):
        if graph.dtypes[x].kind not in "iu":
            continue
        for y in ends if rows <= _MOST_EXTENDED else ends[:1]:
            region = flow.region(x, y)
            table = _tabulate(region, rows) if region and _may_be(region) else None
            if region is not None and table is not None:
                best = region, table
    if best is not None:
        best[0].replace("Table", table=best[1])


def _may_be(region: Region) -> bool:
    graph = region.graph
    ids, rows = graph.shapes[region.x], graph.shapes[region.y]
    return graph.dtypes[region.y].kind == "f" and ids == rows[:-1]


def _tabulate(region: Region, rows: int) -> Array | None:
    """The table, when the region is one: checked on random ids."""
    shape, dtype = region.graph.shapes[region.x], region.graph.dtypes[region.x]
    size = int(np.prod(shape))
    parts = []
    for start in range(0, rows, size):
        ids = np.minimum(np.arange(start, start + size), rows - 1).reshape(shape)
        parts.append(region.run(ids.astype(dtype)).reshape(size, -1))
    table = np.concatenate(parts)[:rows]
    check = np.random.default_rng(0).integers(0, rows, shape)
    same = np.allclose(region.run(check.astype(dtype)), table[check], atol=1e-6)
    return table if same else None
