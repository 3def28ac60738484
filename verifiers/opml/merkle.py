# SPDX-License-Identifier: Apache-2.0
"""Commitments of the OPML profile, section 2: tensors of bytes and lists of hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from offchain_workers.chain.hashing import keccak

LEAF_BYTES = 256
ZERO = bytes(32)


def leaf_hash(data: bytes) -> bytes:
    """Of 256 bytes."""
    return keccak(b"\x00" + data)


def inner_hash(left: bytes, right: bytes) -> bytes:
    return keccak(b"\x01" + left + right)


def depth_of(leaves: int) -> int:
    """The smallest d with ``2**d >= leaves``."""
    return max(leaves - 1, 0).bit_length()


class Tree:
    """A binary tree over hashes, filled up on the right with ``missing``. Holds 2 hashes a leaf."""

    def __init__(self, leaves: Sequence[bytes], missing: bytes) -> None:
        self.depth = depth_of(len(leaves))
        self.levels = [list(leaves)]
        self._fill = [missing]
        for _ in range(self.depth):
            below, fill = self.levels[-1], self._fill[-1]
            row = [
                inner_hash(below[i], below[i + 1] if i + 1 < len(below) else fill)
                for i in range(0, len(below), 2)
            ]
            self.levels.append(row)
            self._fill.append(inner_hash(fill, fill))

    @property
    def root(self) -> bytes:
        return self.node(self.depth, 0)

    def node(self, level: int, index: int) -> bytes:
        """The node ``level`` steps above the leaves."""
        row = self.levels[level]
        return row[index] if index < len(row) else self._fill[level]

    def branch(self, index: int, low: int = 0, high: int | None = None) -> list[bytes]:
        """The siblings of node ``index`` of level ``low``, up to below level ``high``."""
        top = self.depth if high is None else high
        return [self.node(level, (index >> (level - low)) ^ 1) for level in range(low, top)]

    def span_branch(self, first: int, last: int) -> list[bytes]:
        """The siblings that one leaf, or two that follow one another, need up to the root.

        Of two, at each level until they meet: nothing when they are siblings, else the first one's
        sibling and the second one's.
        """
        branch = []
        for level in range(self.depth):
            if first == last:
                branch.append(self.node(level, first ^ 1))
            elif first & 1:
                branch += [self.node(level, first - 1), self.node(level, last + 1)]
            first, last = first >> 1, last >> 1
        return branch

    def children(self, level: int, index: int, down: int) -> list[bytes]:
        """The ``2**down`` nodes that lie ``down`` levels below a node."""
        first = index << down
        return [self.node(level - down, first + i) for i in range(1 << down)]


def fold(node: bytes, index: int, branch: Sequence[bytes]) -> bytes:
    """The hash that a branch leads to."""
    for sibling in branch:
        node = inner_hash(sibling, node) if index & 1 else inner_hash(node, sibling)
        index >>= 1
    return node


@dataclass(frozen=True)
class Tensor:
    """A committed tensor: its bytes and the tree over their leaves, built when asked for."""

    data: bytes

    @property
    def leaf_count(self) -> int:
        return max(1, -(-len(self.data) // LEAF_BYTES))

    @cached_property
    def tree(self) -> Tree:
        return Tree([leaf_hash(self.leaf(i)) for i in range(self.leaf_count)], EMPTY_LEAF)

    @cached_property
    def commitment(self) -> bytes:
        return commitment_of(len(self.data), self.tree.root)

    def leaf(self, index: int) -> bytes:
        """256 bytes, zeros after the end."""
        start = index * LEAF_BYTES
        return self.data[start : start + LEAF_BYTES].ljust(LEAF_BYTES, b"\0")


def commitment_of(byte_len: int, root: bytes) -> bytes:
    return keccak(b"\x02" + byte_len.to_bytes(32, "big") + root)


EMPTY_LEAF = leaf_hash(bytes(LEAF_BYTES))
