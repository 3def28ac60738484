# SPDX-License-Identifier: Apache-2.0
"""Rewrites the float graph into the few forms that quantisation knows."""

from __future__ import annotations

from verifiers.opml.compiler.graph import Graph
from verifiers.opml.compiler.patterns.linear import find_linear, fold_affine
from verifiers.opml.compiler.patterns.norms import find_norms, find_softmax, native_norms
from verifiers.opml.compiler.patterns.tables import find_tables
from verifiers.opml.compiler.patterns.unary import find_functions, simplify_functions
from verifiers.opml.compiler.patterns.views import drop_empty_slices


def canonical(graph: Graph) -> None:
    """All rewrites, in the order in which one prepares the next."""
    drop_empty_slices(graph)
    find_tables(graph)
    native_norms(graph)
    find_norms(graph)
    find_softmax(graph)
    find_linear(graph)
    fold_affine(graph)
    find_functions(graph)
    simplify_functions(graph)
