# SPDX-License-Identifier: Apache-2.0
"""Whatever a claimant makes of its claim, its tree and its answers: one honest challenger wins."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.contracts.parts import OPEN
from tests.opml.game.arena import BOND, Arena
from tests.opml.game.duel import CLAIMANT_LATE, PROVED, duel, truth_of
from tests.opml.game.models import LAST, NONSENSE
from tests.opml.game.zoo import LIARS, Lying, changed

# Whose tree has parts that they can't show, or who say nothing.
CAUGHT_BY_TIME = {
    "garbage-tree",
    "random-leaf",
    "short-chunk",
    "short-tensor",
    "empty-chunk",
    "leaf-of-another-kind",
    "leaf-of-an-inner-node",
    "chunk-of-another-kind",
    "too-large",
    "silent",
    "silent-in-trace",
    "silent-in-tensor",
    "silent-at-element",
}
# Of those the ones that need a tree of some size.
NEED_DEPTH = {
    "garbage-tree",
    "zero-branch",
    "padding-leaf",
    "padding-chunk",
    "zero-chunk",
    "zero-part",
}


@pytest.mark.parametrize("name", LIARS)
def test_a_liar_loses(arena: Arena, name: str) -> None:
    fight = duel(arena, LIARS[name](truth_of(arena)))
    stake = arena.world.subnets.stake_of(fight.game.claim.claimant.address)
    assert fight.play() == (CLAIMANT_LATE if name in CAUGHT_BY_TIME else PROVED)
    claim = fight.game.claim
    assert arena.world.job(claim.terms).status == OPEN
    assert arena.world.subnets.stake_of(claim.claimant.address) == stake - 2 * BOND
    arena.world.warp(arena.world.now + 3_601)
    fight.game.collect()
    assert arena.credit(fight.game.challenger) == 2 * BOND


@pytest.mark.parametrize("name", sorted(LIARS.keys() - NEED_DEPTH))
def test_a_liar_about_a_single_node_loses(small_arena: Arena, name: str) -> None:
    liar = LIARS[name](truth_of(small_arena))
    assert duel(small_arena, liar).play() in (PROVED, CLAIMANT_LATE)


def test_a_lie_in_any_node_is_proved(arena: Arena) -> None:
    """At its first, last and a random element, whatever operator computes it."""
    truth, chance = truth_of(arena), random.Random(1)
    for j in (*range(NONSENSE + 2), LAST):
        size = len(truth.outputs[j].data)
        for at in {0, size - 1, chance.randrange(size)}:
            fight = duel(arena, Lying(changed(truth, j, at)))
            assert fight.play() in (PROVED, CLAIMANT_LATE), (j, at)
            assert len(fight.moves) <= 10


def test_a_table_entry_that_a_liar_made_up_is_proved(arena: Arena) -> None:
    """It runs the job with other weights than the model's."""
    truth = truth_of(arena)
    other = replace(arena.program, weights=bytes(255 - b for b in arena.program.weights))
    liar = Lying(replace(truth, outputs=other.execute(truth.given.data).outputs))
    assert duel(arena, liar).play() == PROVED


def test_an_index_map_that_a_liar_made_up_is_proved(arena: Arena) -> None:
    """It reads a window one further."""
    truth = truth_of(arena)
    nodes = list(arena.program.nodes)
    nodes[3] = replace(nodes[3], a=replace(nodes[3].a, base=1))
    other = replace(arena.program, nodes=nodes)
    liar = Lying(replace(truth, outputs=other.execute(truth.given.data).outputs))
    assert duel(arena, liar).play() == PROVED


def test_a_node_that_reads_the_future_reads_nothing(arena: Arena) -> None:
    """The liar lets node 8 read node 15, as its descriptor says; the profile says absent."""
    truth = truth_of(arena)
    assert arena.program.nodes[8].a.index == 15
    sides = zip(truth.outputs[15].data[:4], truth.outputs[0].data[:4], strict=True)
    future = bytes(min(a + b, 255) for a, b in sides)
    output = replace(truth.outputs[8], data=future)
    liar = Lying(replace(truth, outputs=[*truth.outputs[:8], output, *truth.outputs[9:]]))
    assert duel(arena, liar).play() == PROVED


def test_a_node_of_nonsense_makes_nothing_but_zeros(arena: Arena) -> None:
    assert duel(arena, Lying(changed(truth_of(arena), NONSENSE, 3))).play() == PROVED


def test_a_lie_behind_padding_does_not_help(arena: Arena) -> None:
    """The first thing that differs is padding, the wrong answer comes later."""
    truth = truth_of(arena)
    padded = LIARS["padding-byte"](truth).execution  # type: ignore[attr-defined]
    assert duel(arena, Lying(changed(padded, LAST))).play() == PROVED


def test_a_second_lie_elsewhere_does_not_help(arena: Arena) -> None:
    truth = truth_of(arena)
    assert duel(arena, Lying(changed(changed(truth, 17), 4, 100))).play() == PROVED
