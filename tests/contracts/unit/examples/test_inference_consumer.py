# SPDX-License-Identifier: Apache-2.0
"""The example consumer: it takes answers to what it asked, from the market, and nothing else."""

from __future__ import annotations

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract
from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import Subnet, by
from tests.contracts.terms import Terms
from tests.contracts.world import World, deploy

NO_ACCEPTANCE = (0, 0, 0, 0, 0)


@pytest.fixture
def consumer(world: World) -> VyperContract:
    with by("requester"):
        return deploy("contracts/examples/InferenceConsumer.vy", world.market.address)


def job_for(world: World, subnet: Subnet, consumer: VyperContract, requester: str) -> Terms:
    return world.terms(
        subnet,
        requester=requester,
        callback_target=consumer.address,
        callback_gas=200_000,
    )


def test_it_asks_and_keeps_the_answer(
    world: World, subnet: Subnet, consumer: VyperContract
) -> None:
    terms = job_for(world, subnet, consumer, consumer.address)
    boa.env.set_balance(wallet("requester").address, 10**20)
    with by("requester"):
        job_id = consumer.ask(terms.abi, b"input", NO_ACCEPTANCE, value=world.due(terms))
    world.deliver(terms, subnet.members[0], b"answer")
    assert consumer.answer_hash(job_id) == keccak(b"answer")


def test_a_strangers_job_that_names_it_leaves_nothing(
    world: World, subnet: Subnet, consumer: VyperContract
) -> None:
    terms = job_for(world, subnet, consumer, wallet("requester").address)
    job_id = world.post(terms)
    world.deliver(terms, subnet.members[0], b"poison")
    assert consumer.answer_hash(job_id) == bytes(32)


def test_nobody_but_the_market_may_answer(consumer: VyperContract) -> None:
    with by("publisher"):
        with boa.reverts("not the market"):
            consumer.on_result(bytes(32), b"poison", True)
        with boa.reverts("not the market"):
            consumer.on_revoked(bytes(32))


def test_only_its_owner_spends(world: World, subnet: Subnet, consumer: VyperContract) -> None:
    terms = job_for(world, subnet, consumer, consumer.address)
    with by("publisher"):
        with boa.reverts("not the owner"):
            consumer.ask(terms.abi, b"", NO_ACCEPTANCE)
        with boa.reverts("not the owner"):
            consumer.withdraw(terms.token, 1)
