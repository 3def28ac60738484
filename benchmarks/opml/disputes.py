# SPDX-License-Identifier: Apache-2.0
"""Disputes about compiled models: the dearest lie, found by a search and played on a chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gas import meta
from benchmarks.opml import models
from benchmarks.opml.lies import Target, dearest
from benchmarks.opml.matches import Match, Table
from benchmarks.opml.models import Compiled, Say
from benchmarks.pinned import pinned_chain
from benchmarks.throughput import Figure
from verifiers.opml.merkle import LEAF_BYTES, depth_of
from verifiers.opml.program import Node, Op

# So many nodes, the dearest by estimate, are played.
PLAYED = 6
SMALL, LARGE, FAST, STEP = 550_000, 1_100_000, 420_000, 150_000

MODELS = models.digits, models.magika, models.direction


def measure(say: Say = lambda step: None) -> dict[str, Any]:
    """The document of disputes.json. Raises FusionError, MN-DEV-001 without anvil."""
    searched = [_searched(model, say) for model in models.all_of(MODELS, say)]
    goals = [figure.document() for model in searched for figure in figures(model)]
    return {"meta": meta(), "figures": goals, "models": searched}


def write(path: Path, document: dict[str, Any]) -> None:
    """The file that README.md's tables are made from."""
    path.write_text(json.dumps(document, indent=1) + "\n")


def figures(model: dict[str, Any]) -> list[Figure]:
    """Gas, and what it should be at most."""
    name, whole = model["name"], SMALL if model["name"] == "digits" else LARGE
    step = max(game["judge"] for game in model["searched"])
    return [
        Figure(f"{name}: whole dispute", model["whole"]["gas"], most=whole),
        Figure(f"{name}: fast path", model["fast"]["gas"], most=FAST),
        Figure(f"{name}: last step", step, most=STEP),
    ]


def _searched(model: Compiled, say: Say) -> dict[str, Any]:
    say(f"{model.name}: tracing")
    ours = model.execution
    say(f"{model.name}: searching {len(ours.nodes)} nodes")
    targets = dearest(ours, PLAYED)
    with pinned_chain() as chain:
        table = Table(chain, model.header, ours, targets[0])
        played = [_say_whole(table, target, say) for target in targets]
        worst = max(range(len(played)), key=lambda i: played[i].gas)
        fast = max((table.fast(target) for target in targets), key=lambda match: match.gas)
    return {
        "name": model.name,
        **facts(model),
        "target": described(ours.nodes, targets[worst]),
        "whole": played[worst].document(),
        "fast": fast.document(),
        "searched": [
            described(ours.nodes, target) | {"gas": match.gas, "judge": match.step}
            for target, match in zip(targets, played, strict=True)
        ],
    }


def _say_whole(table: Table, target: Target, say: Say) -> Match:
    match = table.whole(target)
    say(f"node {target.j}: {match.gas}")
    return match


def facts(model: Compiled) -> dict[str, Any]:
    ours = model.execution
    return {
        "artifact": "0x" + model.header.artifact_id().hex(),
        "nodes": len(ours.nodes),
        "weights_bytes": len(ours.weights.data),
        "trace_bytes": sum(node.byte_len for node in ours.nodes),
    }


def described(nodes: Sequence[Node], target: Target) -> dict[str, Any]:
    """What is lied about."""
    node = nodes[target.j]
    return {
        "node": target.j,
        "opcode": Op(node.opcode).name,
        "element": target.e,
        "block": target.k,
        "blocks": node.blocks,
        "tensor_depth": depth_of(-(-node.byte_len // LEAF_BYTES)),
    }
