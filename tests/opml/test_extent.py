# SPDX-License-Identifier: Apache-2.0
"""Extents against every address, one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from tests.opml.strategies import tame_nodes, unhurried
from verifiers.opml import runs
from verifiers.opml.extent import Extent, extent_of
from verifiers.opml.program import Axis, Node, Op
from verifiers.opml.runs import Place

small = st.integers(-3, 3)
wild_axes = st.builds(Axis, small, small, st.integers(-9, 9), st.integers(0, 6), small)


def all_addresses(node: Node) -> dict[tuple[int, ...], list[int | None]]:
    """By output coordinates, over the taps."""
    taps = [max(size, 1) if node.is_reduction else 1 for size in node.taps]
    return {
        (o0, o1, o2, o3): [
            runs.address(node.a, Place((o0, o1, o2, o3), (t0, t1, t2, 0), 0, 1))
            for t0, t1, t2 in product(*map(range, taps))
        ]
        for o0, o1, o2, o3 in product(*map(range, node.dims))
    }


@given(tame_nodes(), st.tuples(wild_axes, wild_axes), st.sampled_from([Op.DOT, Op.ADD]))
@unhurried
def test_an_extent_is_what_the_addresses_span(node: Node, axes: tuple[Axis, Axis], op: Op) -> None:
    a = replace(node.a, axes=(axes[0], node.a.axes[1], axes[1], node.a.axes[3]))
    node = replace(node, opcode=op, a=a)
    addresses = all_addresses(node)
    kept = [x for row in addresses.values() for x in row if x is not None]
    if not kept:
        assert extent_of(node, a) is None
        return
    assert extent_of(node, a) == Extent(
        min(kept),
        max(kept),
        any(x is None for row in addresses.values() for x in row),
        all(any(x is not None for x in row) for row in addresses.values()),
    )
