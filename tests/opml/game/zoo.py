# SPDX-License-Identifier: Apache-2.0
"""The adversaries under one name, for the tests of the game."""

from __future__ import annotations

from verifiers.opml.adversaries.challengers import (
    Challenger,
    Honest,
    Stalling,
    Supposing,
    Wandering,
    block_evidence,
    false_proof,
    forged_statement,
)
from verifiers.opml.adversaries.liars import LIARS
from verifiers.opml.adversaries.players import (
    Answering,
    Claimant,
    Claiming,
    Confusing,
    Lying,
    Unmade,
    Withholding,
    changed,
)

__all__ = [
    "LIARS",
    "Answering",
    "Challenger",
    "Claimant",
    "Claiming",
    "Confusing",
    "Honest",
    "Lying",
    "Stalling",
    "Supposing",
    "Unmade",
    "Wandering",
    "Withholding",
    "block_evidence",
    "changed",
    "false_proof",
    "forged_statement",
]
