# SPDX-License-Identifier: Apache-2.0
"""Tensors of any size of which only what is touched exists: the rest is zeros."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from verifiers.opml.merkle import (
    EMPTY_LEAF,
    LEAF_BYTES,
    Tensor,
    Tree,
    commitment_of,
    depth_of,
    inner_hash,
    leaf_hash,
)

_BLANK = bytes(LEAF_BYTES)


class SparseBytes:
    """As much of ``bytes`` as openings and the total semantics use: a length, and slices."""

    def __init__(self, size: int, leaves: Mapping[int, bytes]) -> None:
        self.size, self.leaves = size, dict(leaves)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self.size)
        if stop <= start:
            return b""
        first, last = start // LEAF_BYTES, (stop - 1) // LEAF_BYTES
        found = b"".join(self.leaves.get(i, _BLANK) for i in range(first, last + 1))
        return found[start - first * LEAF_BYTES : stop - first * LEAF_BYTES]

    def patched(self, at: int, data: bytes) -> SparseBytes:
        """With other bytes from ``at`` on."""
        leaves = dict(self.leaves)
        for i, byte in enumerate(data, at):
            leaf = bytearray(leaves.get(i // LEAF_BYTES, _BLANK))
            leaf[i % LEAF_BYTES] = byte
            leaves[i // LEAF_BYTES] = bytes(leaf)
        return SparseBytes(self.size, leaves)


class SparseTree(Tree):
    """Over ``count`` leaves, of which those not in ``known`` are ``missing``."""

    def __init__(self, count: int, known: Mapping[int, bytes], missing: bytes) -> None:
        self.depth = depth_of(count)
        self._known = [dict(known)]
        self._fill = [missing]
        for level in range(self.depth):
            above = {index >> 1 for index in self._known[level]}
            self._fill.append(inner_hash(self._fill[-1], self._fill[-1]))
            self._known.append(
                {i: inner_hash(self.node(level, 2 * i), self.node(level, 2 * i + 1)) for i in above}
            )

    def node(self, level: int, index: int) -> bytes:
        return self._known[level].get(index, self._fill[level])


class SparseTensor(Tensor):
    """A committed tensor of ``size`` bytes, zeros but for ``leaves``."""

    def __init__(self, size: int, leaves: Mapping[int, bytes] | None = None) -> None:
        super().__init__(cast(Any, SparseBytes(size, leaves or {})))

    @cached_property
    def tree(self) -> Tree:
        hashes = {i: leaf_hash(leaf) for i, leaf in self._sparse.leaves.items()}
        return SparseTree(self.leaf_count, hashes, EMPTY_LEAF)

    @cached_property
    def commitment(self) -> bytes:
        return commitment_of(len(self._sparse), self.tree.root)

    def patched(self, at: int, data: bytes) -> SparseTensor:
        changed = self._sparse.patched(at, data)
        return SparseTensor(changed.size, changed.leaves)

    @property
    def _sparse(self) -> SparseBytes:
        return cast(SparseBytes, self.data)


def patched(tensor: Tensor, at: int, data: bytes) -> Tensor:
    """The tensor with other bytes from ``at`` on."""
    if isinstance(tensor, SparseTensor):
        return tensor.patched(at, data)
    return Tensor(tensor.data[:at] + data + tensor.data[at + len(data) :])
