# SPDX-License-Identifier: Apache-2.0
"""What a claim's word says of the claimed output."""

from __future__ import annotations

from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import CUT

# The bits of a claim's word below the output's commitment.
_BELOW = 72


def is_claimed(output: Tensor, word: int) -> bool:
    """Whether a claim's word commits to this output."""
    return output.commitment[:CUT] == claimed_output(word)[:CUT]


def claimed_output(word: int) -> bytes:
    """The commitment in a claim's word, zeros for what was cut."""
    return (word >> _BELOW).to_bytes(CUT, "big").ljust(32, b"\0")
