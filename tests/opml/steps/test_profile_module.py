# SPDX-License-Identifier: Apache-2.0
"""What game and steps share on chain is what the Python side has."""

from __future__ import annotations

from random import Random

import pytest

from tests.opml.steps import cases
from tests.opml.steps.machine import RevertedError
from tests.opml.steps.steps import combined, packed, probe
from verifiers.opml import merkle, total
from verifiers.opml.program import MAX_TENSOR_BYTES, Node, Op


@pytest.mark.parametrize("code", range(4))
def test_elements_of_a_leaf(code: int) -> None:
    leaf, width = Random(code).randbytes(256), 1 << code
    for position in range(0, 256 >> code, 5):
        cell = leaf[position * width : (position + 1) * width]
        expected = int.from_bytes(cell, "little", signed=total.is_signed(code))
        assert probe().call("element_of", leaf, position, code) == expected


def test_hashes_and_branches() -> None:
    rng = Random("hashes")
    tensor = merkle.Tensor(rng.randbytes(3000))
    assert probe().call("leaf_hash", tensor.leaf(11)) == merkle.leaf_hash(tensor.leaf(11))
    root = tensor.tree.root
    assert probe().call("tensor_commitment", 3000, root) == tensor.commitment
    for i in range(tensor.leaf_count):
        leaf = merkle.leaf_hash(tensor.leaf(i))
        assert probe().call("fold", leaf, i, tensor.tree.branch(i)) == root


def test_depths() -> None:
    edges = [(1 << i) + more for i in range(33) for more in (-1, 0, 1)]
    for leaves in edges:
        assert probe().call("depth_of_count", leaves) == merkle.depth_of(leaves)
    for byte_len in (0, 1, 256, 257, 512, 513, 70_000, MAX_TENSOR_BYTES - 1, MAX_TENSOR_BYTES):
        leaves = max(1, -(-byte_len // merkle.LEAF_BYTES))
        assert probe().call("depth_of", byte_len) == merkle.depth_of(leaves)
        for depth in range(34):
            expected = depth == merkle.depth_of(leaves)
            assert probe().call("is_depth", depth, byte_len) == expected


def test_what_a_node_is() -> None:
    rng = Random("facts")
    for i in range(200):
        node = cases.hostile(rng) if i % 2 else cases.node(rng, i % 12, 2, 4, True)
        expected = node.byte_len, node.blocks, node.is_reduction, node.out_code & 3
        assert probe().call("facts", packed(node)) == expected


@pytest.mark.parametrize("op", [Op.DOT, Op.SUM, Op.MAX, Op.ARGMAX])
def test_partials_are_combined(op: Op) -> None:
    rng = Random(op)
    for taps in (1, 2, 128):
        node = Node(op, lanes=1, taps=(taps, 1, 1))
        partials = [cases.number(rng, 97) for _ in range(taps)]
        assert combined(node, partials) == total.combine(node, partials)


def test_partials_that_no_block_has_are_refused() -> None:
    node = Node(Op.SUM, lanes=1, taps=(2, 1, 1))
    for partials in ([1], [1, 2, 3], [2**127, 0], [0, -(2**127)], [-(2**255), -(2**255)]):
        with pytest.raises(RevertedError, match="partial"):
            combined(node, partials)
