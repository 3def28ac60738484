# SPDX-License-Identifier: Apache-2.0
"""Dishonest publishers: bundles that fit their records and that nobody should run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from offchain_workers.models import ModelCard
from offchain_workers.storage import content_id
from verifiers.opml.bundle import HEADER_FILE, PROGRAM_FILE, WEIGHTS_FILE, assemble, format_header
from verifiers.opml.program import Node, program_tree

Change = Callable[[Sequence[Node]], list[Node]]


def overflowing(nodes: Sequence[Node]) -> list[Node]:
    """A product that no float holds, under a certificate that says otherwise."""
    return [replace(nodes[0], param_mode=0, m=2**62, shift=1), *nodes[1:]]


def forward(nodes: Sequence[Node]) -> list[Node]:
    """A node reads a later one, which is nothing; the files to run it are of another program."""
    second = replace(nodes[1], a=replace(nodes[1].a, index=len(nodes) - 1))
    return [nodes[0], second, *nodes[2:]]


PUBLISHERS: dict[str, Change] = {
    "false-certificate": overflowing,
    "hostile-program": forward,
}


def tampered(
    files: Mapping[str, bytes], card: ModelCard, change: Change
) -> tuple[dict[str, bytes], ModelCard]:
    """Another program in a bundle, header and card made to fit."""
    program = assemble(files[HEADER_FILE], files[PROGRAM_FILE], files[WEIGHTS_FILE])
    nodes = change(program.nodes)
    header = replace(program.header, program_root=program_tree(nodes).root)
    changed = {
        HEADER_FILE: format_header(header),
        PROGRAM_FILE: b"".join(node.encode() for node in nodes),
    }
    notes: Any = card.methods["opml"]
    ids = {name: content_id(data) for name, data in changed.items()}
    methods = {"opml": {**notes, "manifest": {**notes["manifest"], **ids}}}
    return {**files, **changed}, card.model_copy(update={"methods": methods})
