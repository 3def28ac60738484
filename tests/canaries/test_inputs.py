# SPDX-License-Identifier: Apache-2.0
"""A canary's input looks like a user's."""

from __future__ import annotations

import random

import pytest

from offchain_workers.canaries import Inputs
from offchain_workers.models.demo import digits, magika

DIGITS = digits()
SAMPLES = [raw for _, raw, _ in DIGITS.samples]


def test_the_same_bytes_on_the_wire_and_never_twice() -> None:
    inputs = Inputs(DIGITS.card, SAMPLES, random.Random(1))
    drawn = [item for _ in range(300) for item in inputs.draw()]
    assert {len(item) for item in drawn} == {DIGITS.card.item_bytes_in}
    assert len(set(drawn)) == len(drawn)
    assert not set(drawn) & set(SAMPLES)


def test_every_value_is_one_that_a_sample_has_in_its_place() -> None:
    inputs = Inputs(DIGITS.card, SAMPLES, random.Random(2))
    for item in (one for _ in range(100) for one in inputs.draw()):
        assert all(any(s[i] == item[i] for s in SAMPLES) for i in range(len(item)))


def test_values_of_two_bytes_are_not_torn() -> None:
    card = magika().card
    samples = [bytes([7, 1]) * 2048, bytes([9, 0]) * 2048]
    item = Inputs(card, samples, random.Random(3)).draw()[0]
    assert {item[i : i + 2] for i in range(0, len(item), 2)} <= {bytes([7, 1]), bytes([9, 0])}


def test_as_many_items_as_users_send() -> None:
    inputs = Inputs(DIGITS.card, SAMPLES, random.Random(4), sizes=(1, 1, 1, 8))
    sizes = [len(inputs.draw()) for _ in range(400)]
    assert set(sizes) == {1, 8}
    assert 60 < sizes.count(8) < 140


def test_samples_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        Inputs(DIGITS.card, [bytes(64), bytes(63)])
    with pytest.raises(ValueError, match="two or more"):
        Inputs(DIGITS.card, [bytes(64)])
