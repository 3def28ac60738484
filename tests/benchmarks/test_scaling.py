# SPDX-License-Identifier: Apache-2.0
"""Simulated models: as good as real ones where a game looks."""

from __future__ import annotations

import pytest

from benchmarks import SCALING_PAGE
from benchmarks.opml import page
from benchmarks.opml.lies import lied
from benchmarks.opml.plot import svg
from benchmarks.opml.shapes import GPT2, LLAMA, Text, resnet50, text
from benchmarks.opml.sparse import SparseTensor
from benchmarks.opml.synthetic import candidates, filled, header
from verifiers.opml import total
from verifiers.opml.merkle import LEAF_BYTES, Tensor

SIZE = 5 * LEAF_BYTES + 7


def test_a_sparse_tensor_is_the_tensor_that_it_stands_for() -> None:
    sparse = SparseTensor(SIZE).patched(300, b"abc").patched(SIZE - 1, b"d")
    data = bytearray(SIZE)
    data[300:303], data[SIZE - 1] = b"abc", ord("d")
    real = Tensor(bytes(data))
    assert sparse.commitment == real.commitment
    assert sparse.tree.span_branch(1, 2) == real.tree.span_branch(1, 2)
    assert sparse.leaf(5) == real.leaf(5)
    assert sparse.data[250:520] == real.data[250:520]


def test_simulated_elements_are_right_and_lies_add_up() -> None:
    shape = resnet50()
    targets = candidates(shape, 1)
    ours = filled(shape, targets)
    for target in targets:
        node, weights = shape.nodes[target.j], ours.weights.data
        size = 1 << node.out_code
        stored = ours.outputs[target.j].data[target.e * size : (target.e + 1) * size]
        assert int.from_bytes(stored, "little") == ours.element(target.j, target.e)
        theirs = lied(ours, header(shape, ours), target)
        acc = total.combine(node, theirs.block_values(target.j, target.e))
        claimed = theirs.outputs[target.j].data[target.e * size : (target.e + 1) * size]
        assert total.finish(node, target.e, acc, weights) == int.from_bytes(claimed, "little")
        assert claimed != stored


@pytest.mark.parametrize(("model", "millions"), [(GPT2, 124), (LLAMA, 6_738)])
def test_text_models_have_their_size(model: Text, millions: int) -> None:
    """Within what an output matrix of its own, positions and tables add."""
    found = text(model).weights_bytes / 10**6
    assert millions <= found <= millions * 1.02 + 50


def test_the_page_is_fresh() -> None:
    shown = SCALING_PAGE.read_text()
    assert shown == page.refreshed(shown), "run `python -m benchmarks readme`"
    assert page.PLOT.read_text() == svg(page.points())
