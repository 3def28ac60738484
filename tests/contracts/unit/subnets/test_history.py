# SPDX-License-Identifier: Apache-2.0
"""SubnetRegistry with EIP-2935's history contract as its source of block hashes."""

from __future__ import annotations

from collections.abc import Iterator

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import Config, Spec, block_hash
from tests.contracts.world import World

HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"
SYSTEM = "0xfffffffffffffffffffffffffffffffffffffffe"
# The runtime code in EIP-2935: `get` for anyone, `set` for the system at the start of each block.
CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f356001430381116042"
    "57611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
EPOCH = 1_000


@pytest.fixture
def long_epochs() -> Iterator[tuple[World, Spec]]:
    """A registry on the history contract with a request of which only that knows the seed."""
    with boa.env.anchor():
        boa.env.set_code(HISTORY, CODE)
        world = World.create(Config(epoch_blocks=EPOCH, block_history=HISTORY))
        world.staff(5)
        world.next_epoch()
        spec = world.spec(3)
        world.request(spec)
        yield world, spec


def remember(seed_block: int) -> None:
    """The system call that a node makes in the block after."""
    assert boa.env.evm.patch.block_number == seed_block + 1
    boa.env.raw_call(HISTORY, sender=SYSTEM, data=block_hash(seed_block))


def test_a_subnet_is_formed_long_after_its_seed_block(long_epochs: tuple[World, Spec]) -> None:
    world, spec = long_epochs
    world.roll(2)
    remember(world.block - 1)
    with boa.env.anchor():
        at_once = world.form(spec)
    world.roll(EPOCH - 3)
    assert world.block % EPOCH == EPOCH - 1
    assert world.form(spec) == at_once


def test_the_first_block_that_can_form_finds_the_hash(long_epochs: tuple[World, Spec]) -> None:
    world, spec = long_epochs
    world.roll(2)
    with boa.env.anchor():
        remember(world.block - 1)
        by_history = world.form(spec)
    assert by_history.members


def test_no_history_contract_forms_nothing(long_epochs: tuple[World, Spec]) -> None:
    world, spec = long_epochs
    world.roll(2)
    boa.env.set_code(HISTORY, b"")
    with boa.reverts("no block hash"):
        world.subnets.form(spec, sender=wallet("keeper").address)


def test_a_history_contract_that_reverts_forms_nothing(long_epochs: tuple[World, Spec]) -> None:
    world, spec = long_epochs
    world.roll(2)
    boa.env.set_code(HISTORY, bytes.fromhex("5f5ffd"))
    with boa.reverts("no block hash"):
        world.subnets.form(spec, sender=wallet("keeper").address)


def test_a_hash_that_the_history_never_got_forms_nothing(
    long_epochs: tuple[World, Spec],
) -> None:
    """EIP-2935 answers zero for a block that it was not told of (blocks before its fork)."""
    world, spec = long_epochs
    world.roll(2)
    with boa.reverts("no block hash"):
        world.subnets.form(spec, sender=wallet("keeper").address)
