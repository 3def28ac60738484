# SPDX-License-Identifier: Apache-2.0
"""The contract commits to delivered bytes as the profile does."""

from __future__ import annotations

import hashlib

import pytest

from tests.opml.game.arena import Arena
from verifiers.opml.merkle import Tensor

LENGTHS = (0, 1, 10, 31, 32, 33, 255, 256, 257, 511, 512, 700, 1_025, 4_096, 9_999, 16_383, 16_384)


@pytest.mark.parametrize("length", LENGTHS)
def test_outputs_of_any_length_have_the_profiles_commitment(arena: Arena, length: int) -> None:
    data = hashlib.shake_128(b"output").digest(length)
    assert arena.verifier.commitment(data) == Tensor(data).commitment
