# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.chain import merkle

items = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


@given(items, st.data())
def test_every_item_has_a_proof(commitments: list[bytes], data: st.DataObject) -> None:
    n = len(commitments)
    index = data.draw(st.integers(0, n - 1))
    root = merkle.root(commitments)
    proof = merkle.proof(commitments, index)
    assert merkle.verify(root, index, n, commitments[index], proof)


@given(items, st.data())
def test_a_proof_binds_index_size_item_and_siblings(
    commitments: list[bytes], data: st.DataObject
) -> None:
    n = len(commitments)
    index = data.draw(st.integers(0, n - 1))
    root, item = merkle.root(commitments), commitments[index]
    proof = merkle.proof(commitments, index)
    other = data.draw(st.integers(0, 80).filter(lambda i: i != index))
    assert not merkle.verify(root, other, max(n, other + 1), item, proof)
    assert not merkle.verify(root, other, n, item, proof)
    assert not merkle.verify(root, index, n, keccak(item), proof)
    assert not merkle.verify(root, index, n, item, [*proof, item])
    if proof:
        assert not merkle.verify(root, index, n, item, proof[:-1])
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.verify(
            root, index, n, item, [*proof[:at], keccak(proof[at]), *proof[at + 1 :]]
        )


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=3, max_size=40))
def test_a_proof_of_an_odd_riser_holds_for_its_own_size_only(commitments: list[bytes]) -> None:
    """An inner node can't pass for an item, nor one size's riser for another's path."""
    n = len(commitments)
    root = merkle.root(commitments)
    last = n - 1
    proof = merkle.proof(commitments, last)
    sizes = [m for m in range(1, 2 * n) if merkle.verify(root, last, m, commitments[last], proof)]
    assert n in sizes
    shapes = {m: _shape(last, m) for m in sizes}
    assert set(shapes.values()) == {_shape(last, n)}


def _shape(index: int, n: int) -> tuple[bool, ...]:
    """Which levels have a sibling."""
    shape = []
    while n > 1:
        shape.append(index ^ 1 < n)
        index, n = index // 2, (n + 1) // 2
    return tuple(shape)


def test_the_rule_in_full_for_three_items() -> None:
    a, b, c = (merkle.item_commitment(bytes([i])) for i in range(3))
    leaf = [keccak(b"\0" + i.to_bytes(32, "big") + x) for i, x in enumerate((a, b, c))]
    expected = keccak(b"\1" + keccak(b"\1" + leaf[0] + leaf[1]) + leaf[2])
    assert merkle.root([a, b, c]) == expected
    assert merkle.batch_commitment([b"\0", b"\1", b"\2"]) == expected
    assert merkle.proof([a, b, c], 2) == [keccak(b"\1" + leaf[0] + leaf[1])]


def test_one_item_is_committed_by_its_hash_alone() -> None:
    assert merkle.batch_commitment([b"abc"]) == keccak(b"abc")


@pytest.mark.parametrize("bad", [[], [b"short"]])
def test_no_items_and_short_items_are_refused(bad: list[bytes]) -> None:
    with pytest.raises(ValueError, match="item"):
        merkle.root(bad)


@pytest.mark.parametrize("index", [-1, 2])
def test_no_proof_outside_the_batch(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.proof([bytes(32), bytes(32)], index)
