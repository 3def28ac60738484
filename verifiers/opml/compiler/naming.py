# SPDX-License-Identifier: Apache-2.0
"""What to call the program's nodes, so that people recognise the float model in them."""

from __future__ import annotations

from collections.abc import Iterator

from verifiers.opml.compiler.compile import Compiled
from verifiers.opml.program import Kind


def node_names(compiled: Compiled) -> Iterator[str]:
    """The ONNX node's name (its output's, where it has none), with what part of it is computed; and
    the tensor that comes out, where others were folded into the node."""
    made: dict[int, str] = {}
    for tensor, value in compiled.values.items():
        if value.kind == Kind.TRACE:
            made.setdefault(value.index, tensor)  # later ones are views of it
    for j, op in enumerate(compiled.program.ops):
        tensor = made.get(j, op.name)
        is_alike = tensor.startswith(op.name) or op.name.startswith(tensor)
        yield op.name if is_alike else f"{op.name} -> {tensor}"
