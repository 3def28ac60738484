# SPDX-License-Identifier: Apache-2.0
"""The Merkle rule of a batch: one commitment over n items, proofs that bind index and n.

Leaf = keccak(0x00, index as uint256, item commitment), inner = keccak(0x01, left, right); an odd
node rises unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak


def item_commitment(data: bytes) -> bytes:
    """The commitment of one item: its keccak."""
    return keccak(data)


def batch_commitment(items: Sequence[bytes]) -> bytes:
    """What the terms commit to: the one item's commitment, or the root over n > 1 of them."""
    if len(items) == 1:
        return item_commitment(items[0])
    return root([item_commitment(item) for item in items])


def root(items: Sequence[bytes]) -> bytes:
    """Root over item commitments (bytes32 each, at least one)."""
    return _levels(items)[-1][0]


def proof(items: Sequence[bytes], index: int) -> list[bytes]:
    """Siblings from leaf to root; a level where the node rises alone adds none."""
    if not 0 <= index < len(items):
        raise IndexError(f"no item {index} among {len(items)}")
    siblings = []
    for level in _levels(items)[:-1]:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        index //= 2
    return siblings


def verify(root: bytes, index: int, n: int, commitment: bytes, proof: Sequence[bytes]) -> bool:
    """Whether ``commitment`` is item ``index`` of the ``n`` items under ``root``."""
    if not 0 <= index < n:
        return False
    node, siblings = _leaf(index, commitment), iter(proof)
    while n > 1:
        if index ^ 1 < n:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = _inner(sibling, node) if index & 1 else _inner(node, sibling)
        index, n = index // 2, (n + 1) // 2
    return next(siblings, None) is None and node == root


def _levels(items: Sequence[bytes]) -> list[list[bytes]]:
    if not items:
        raise ValueError("a batch has at least one item")
    levels = [[_leaf(index, item) for index, item in enumerate(items)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        paired = [_inner(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(paired + below[len(paired) * 2 :])
    return levels


def _leaf(index: int, commitment: bytes) -> bytes:
    if len(commitment) != 32:
        raise ValueError("an item commitment has 32 bytes")
    return keccak(b"\x00" + index.to_bytes(32, "big") + commitment)


def _inner(left: bytes, right: bytes) -> bytes:
    return keccak(b"\x01" + left + right)
