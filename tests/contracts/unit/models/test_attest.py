# SPDX-License-Identifier: Apache-2.0
"""ModelRegistry: attest, retract, attested_at."""

from __future__ import annotations

import boa
import pytest

from tests.contracts.actors import wallet
from tests.contracts.parts import ETHER
from tests.contracts.world import World


@pytest.fixture
def attester(empty_world: World) -> str:
    """An operator with just enough stake."""
    return str(empty_world.add_operator("attester", ETHER).address)


def test_an_attestation_stands_with_its_time(empty_world: World, attester: str) -> None:
    model_id = empty_world.model_id
    assert empty_world.models.attested_at(model_id, attester) == 0
    empty_world.models.attest(model_id, sender=attester)
    event = empty_world.models.get_logs()[0]
    assert (event.model_id, event.attester) == (model_id, attester)
    assert empty_world.models.attested_at(model_id, attester) == empty_world.now
    assert empty_world.models.attested_at(model_id, wallet("publisher").address) == 0


def test_an_unknown_model_can_not_be_attested(empty_world: World, attester: str) -> None:
    with boa.reverts("unknown model"):
        empty_world.models.attest(b"\x01" * 32, sender=attester)


def test_an_attester_has_stake(empty_world: World) -> None:
    poor = empty_world.add_operator("poor", ETHER - 1).address
    for sender in (poor, wallet("keeper").address, wallet("publisher").address):
        with boa.reverts("stake too low"):
            empty_world.models.attest(empty_world.model_id, sender=sender)
    empty_world.subnets.add_stake(poor, value=1, sender=wallet("keeper").address)
    empty_world.models.attest(empty_world.model_id, sender=poor)


def test_stake_that_unbonds_does_not_attest(empty_world: World, attester: str) -> None:
    empty_world.subnets.unbond(1, sender=attester)
    with boa.reverts("stake too low"):
        empty_world.models.attest(empty_world.model_id, sender=attester)


def test_an_attestation_outlives_its_stake(empty_world: World, attester: str) -> None:
    """A known limit: who reads attestations looks at the attester's stake now."""
    empty_world.models.attest(empty_world.model_id, sender=attester)
    empty_world.subnets.unbond(ETHER, sender=attester)
    assert empty_world.models.attested_at(empty_world.model_id, attester) == empty_world.now


def test_nobody_attests_twice(empty_world: World, attester: str) -> None:
    empty_world.models.attest(empty_world.model_id, sender=attester)
    with boa.reverts("already attested"):
        empty_world.models.attest(empty_world.model_id, sender=attester)


def test_an_attestation_is_taken_back_and_given_again(empty_world: World, attester: str) -> None:
    model_id = empty_world.model_id
    empty_world.models.attest(model_id, sender=attester)
    empty_world.models.retract(model_id, sender=attester)
    event = empty_world.models.get_logs()[0]
    assert (event.model_id, event.attester) == (model_id, attester)
    assert empty_world.models.attested_at(model_id, attester) == 0
    with boa.reverts("not attested"):
        empty_world.models.retract(model_id, sender=attester)
    empty_world.models.attest(model_id, sender=attester)


def test_nobody_takes_back_anothers_attestation(empty_world: World, attester: str) -> None:
    empty_world.models.attest(empty_world.model_id, sender=attester)
    with boa.reverts("not attested"):
        empty_world.models.retract(empty_world.model_id, sender=wallet("publisher").address)
    assert empty_world.models.attested_at(empty_world.model_id, attester) != 0
