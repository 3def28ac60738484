# SPDX-License-Identifier: Apache-2.0
"""The same game on the same contracts, carried to models that nobody runs here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.gas import meta
from benchmarks.opml.disputes import described
from benchmarks.opml.lies import Target
from benchmarks.opml.matches import Match, Table
from benchmarks.opml.shapes import SHAPES, Shape
from benchmarks.opml.synthetic import candidates, filled, header
from benchmarks.pinned import pinned_chain

# Beside the layers that have names, so many of the dearest nodes are played.
DEAREST = 2
CLAIMANT = "claimant"


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of opml-scaling.json. Raises FusionError, MN-DEV-001 without anvil."""
    models = []
    for shape in SHAPES:
        made = shape()
        say(f"{made.name}: {len(made.nodes)} nodes")
        models.append(_played(made))
    return {"meta": meta(), "models": models}


def _played(shape: Shape) -> dict[str, Any]:
    targets = candidates(shape, DEAREST)
    ours = filled(shape, targets)
    with pinned_chain() as chain:
        table = Table(chain, header(shape, ours), ours, targets[0])
        games = [_game(shape, target, table.whole(target)) for target in targets]
    return {
        "name": shape.name,
        "nodes": len(shape.nodes),
        "trace_depth": ours.trace.depth,
        "trace_bytes": sum(node.byte_len for node in shape.nodes),
        "weights_bytes": shape.weights_bytes,
        "weights_depth": ours.weights.tree.depth,
        "games": games,
    }


def _game(shape: Shape, target: Target, match: Match) -> dict[str, Any]:
    node = shape.nodes[target.j]
    return {
        "layer": shape.layers.get(target.j, "another"),
        "lanes": node.lanes,
        **described(shape.nodes, target),
        **match.document(),
        "rounds": sum(move.by == CLAIMANT for move in match.moves),
    }
