# SPDX-License-Identifier: Apache-2.0
"""The contract commits to delivered bytes as the profile does."""

from __future__ import annotations

import hashlib

import boa
import pytest
from eth_utils.crypto import keccak

from tests.opml.game.arena import Arena
from verifiers.opml.merkle import Tensor

LENGTHS = (0, 1, 10, 31, 32, 33, 255, 256, 257, 511, 512, 700, 1_025, 4_096, 9_999, 16_383, 16_384)


@pytest.mark.parametrize("length", LENGTHS)
def test_outputs_of_any_length_have_the_profiles_commitment(arena: Arena, length: int) -> None:
    data = hashlib.shake_128(b"output").digest(length)
    assert arena.verifier.commitment(data) == Tensor(data).commitment


def test_what_stands_behind_the_bytes_in_calldata_does_not_count(arena: Arena) -> None:
    """Every length around the borders of words and leaves; the encoding filled up with ones."""
    selector = keccak(text="commitment(bytes)")[:4]
    data = hashlib.shake_128(b"dirt").digest(600)
    for length in (*range(66), *range(222, 290), *range(480, 546)):
        head = selector + (32).to_bytes(32, "big") + length.to_bytes(32, "big")
        done = boa.env.raw_call(arena.verifier.address, data=head + data[:length] + b"\xff" * 64)
        assert done.output == Tensor(data[:length]).commitment, length
