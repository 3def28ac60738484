# SPDX-License-Identifier: Apache-2.0
"""Batches: one job, n outputs, one root, all or nothing."""

from __future__ import annotations

import boa
import pytest
from eth_utils.crypto import keccak

from offchain_workers.chain.merkle import batch_commitment
from tests.contracts.parts import PAID, Subnet
from tests.contracts.terms import NATIVE
from tests.contracts.unit.market.conftest import Plugs
from tests.contracts.world import World

SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 127, 128, 129, 255, 256, 257, 511, 512]


def items(n: int, size: int) -> list[bytes]:
    return [(keccak(i.to_bytes(2, "big")) * (size // 32 + 1))[:size] for i in range(n)]


@pytest.mark.parametrize("n", SIZES)
def test_the_root_is_the_one_that_the_package_computes(world: World, n: int) -> None:
    outputs = items(n, 4)
    on_chain = world.market.output_commitment(b"".join(outputs), n, 4)
    assert on_chain == batch_commitment(outputs)


@pytest.mark.parametrize(("n", "size"), [(2, 8_192), (16, 1_024), (512, 32), (3, 5_461), (512, 1)])
def test_roots_of_outputs_of_any_size(world: World, n: int, size: int) -> None:
    outputs = items(n, size)
    assert world.market.output_commitment(b"".join(outputs), n, size) == batch_commitment(outputs)


def test_equal_items_at_other_places_have_other_roots(world: World) -> None:
    roots = {bytes(world.market.output_commitment(data, 3, 1)) for data in (b"aab", b"aba", b"baa")}
    assert len(roots) == 3


def test_a_batch_cannot_pass_for_another_of_other_width(world: World) -> None:
    data = bytes(64)
    commit = world.market.output_commitment
    shapes = [(1, 64), (2, 32), (4, 16), (64, 1)]
    assert len({bytes(commit(data, n, size)) for n, size in shapes}) == len(shapes)


@pytest.mark.parametrize(
    ("length", "n", "size", "reason"),
    [(12, 3, 0, "item size"), (11, 3, 4, "output length"), (0, 3, 4, "output length")],
)
def test_malformed_batches_have_no_root(
    world: World, length: int, n: int, size: int, reason: str
) -> None:
    with boa.reverts(reason):
        world.market.output_commitment(bytes(length), n, size)


def test_more_than_512_items_have_no_root(world: World) -> None:
    with boa.reverts():
        world.market.output_commitment(bytes(513), 513, 1)


def test_a_batch_is_paid_per_item(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, n=256, item_size=32, max_price=300 * 10**15)
    world.post(terms)
    outputs = items(256, 32)
    world.deliver(terms, subnet.members[0], b"".join(outputs))
    delivered, closed = world.market.get_logs(include_child_logs=False)
    assert delivered.output_commitment == batch_commitment(outputs)
    assert closed.price == 256 * 10**15
    assert world.balance("requester") == 44 * 10**15
    assert world.job(terms).status == PAID


def test_a_batch_is_all_or_nothing(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, n=4, item_size=8)
    world.post(terms)
    for length in (0, 24, 31, 33, 40):
        with boa.reverts("output length"):
            world.deliver(terms, subnet.members[0], bytes(length))
    world.deliver(terms, subnet.members[0], bytes(32))


def test_the_largest_batch_is_delivered_under_the_gas_limit(world: World, subnet: Subnet) -> None:
    terms = world.terms(subnet, n=512, item_size=32)
    world.post(terms)
    world.deliver(terms, subnet.members[0], b"".join(items(512, 32)))
    # 40 gas a byte is what the floor price of calldata makes of 16 KiB at the most.
    assert world.market._computation.get_gas_used() + 40 * 16_384 + 21_000 < 16_777_216


def test_a_plugins_batch_goes_through_pending_and_final(plugs: Plugs) -> None:
    terms = plugs.plug_terms.with_(n=5, item_size=2, max_price=5 * 10**15)
    plugs.world.post(terms)
    outputs = items(5, 2)
    operator = plugs.subnet.members[0].address
    with boa.reverts("output length"):
        plugs.pending(terms, operator, bytes(9))
    plugs.pending(terms, operator, b"".join(outputs))
    delivered = plugs.world.market.get_logs(include_child_logs=False)[0]
    assert delivered.output_commitment == batch_commitment(outputs)
    plugs.final(terms, ok=True)
    price = 5 * 10**15
    kept = price * 250 // 10_000 + price * 500 // 10_000
    tip = plugs.world.config.keeper_tip
    assert plugs.world.market.balance_of(NATIVE, operator) == price - kept + tip
