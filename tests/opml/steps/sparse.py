# SPDX-License-Identifier: Apache-2.0
"""Tensors too large to be held: zeros but for a few leaves."""

from __future__ import annotations

from collections.abc import Mapping

from verifiers.opml.merkle import (
    EMPTY_LEAF,
    LEAF_BYTES,
    Tree,
    commitment_of,
    depth_of,
    inner_hash,
    leaf_hash,
)
from verifiers.opml.openings import Opening


class SparseTree(Tree):
    """The tree of a tensor of ``byte_len`` bytes, of which some leaves are not zero."""

    def __init__(self, byte_len: int, leaves: Mapping[int, bytes]) -> None:
        self.byte_len = byte_len
        self.depth = depth_of(-(-byte_len // LEAF_BYTES))
        self._leaves = leaves
        self._empty = [EMPTY_LEAF]
        self._known = [{index: leaf_hash(leaf) for index, leaf in leaves.items()}]
        for level in range(self.depth):
            above = {index >> 1 for index in self._known[level]}
            self._known.append(
                {i: inner_hash(self.node(level, 2 * i), self.node(level, 2 * i + 1)) for i in above}
            )
            self._empty.append(inner_hash(self._empty[-1], self._empty[-1]))

    def node(self, level: int, index: int) -> bytes:
        return self._known[level].get(index, self._empty[level])

    @property
    def commitment(self) -> bytes:
        return commitment_of(self.byte_len, self.root)

    def opening(self, first: int, last: int, trace_branch: list[bytes]) -> Opening:
        """Of one leaf, or of two that follow one another."""
        leaves = [self._leaves.get(i, bytes(LEAF_BYTES)) for i in range(first, last + 1)]
        branches = self.span_branch(first, last)
        return Opening(trace_branch, self.byte_len, self.root, b"".join(leaves), branches)
