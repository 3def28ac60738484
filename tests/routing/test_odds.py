# SPDX-License-Identifier: Apache-2.0
"""Who is drawn how often: shares of the weight, whatever the number of names it is spread over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from eth_utils.crypto import keccak

from offchain_workers.routing.books import Seat, Spec
from offchain_workers.routing.replay import Candidate, Exclusion, draw, first_pick_odds

SPEC = Spec(b"\x01" * 32, b"\x02" * 4, "0x" + "03" * 20, tiers=7, region=0, band=96, k=1)
ETHER = 10**9  # a weight is in gwei
DRAWS = 4_000


def book(weights: Sequence[int]) -> list[Seat]:
    """One row; seat i belongs to operator i + 1."""
    return [
        Seat(tier=0, number=i, operator=i + 1, price=1, weight=weight, region=0, since=1)
        for i, weight in enumerate(weights)
    ]


def seeds(name: str) -> list[bytes]:
    return [keccak(text=f"{name} {i}") for i in range(DRAWS)]


def first_picks(weights: Sequence[int], name: str) -> Counter[int]:
    seats = book(weights)
    return Counter(draw(SPEC, seed, seats, 1)[0].operator for seed in seeds(name))


def chi_square(counts: Counter[int], weights: Sequence[int]) -> float:
    total = sum(weights)
    expected = {i + 1: DRAWS * weight / total for i, weight in enumerate(weights)}
    return sum((counts[i] - e) ** 2 / e for i, e in expected.items())


# Limits that chance exceeds once in a thousand, by degrees of freedom.
CHI_SQUARE = {1: 10.83, 3: 16.27, 7: 24.32, 31: 61.10}


@pytest.mark.parametrize(
    "weights",
    [
        [ETHER, 3 * ETHER],
        [ETHER] * 8,
        [ETHER, 2 * ETHER, 5 * ETHER, 10 * ETHER],
        [(i + 1) * ETHER for i in range(32)],
        # So small that the division of a key has few digits left, and as large as a seat can hold.
        [1, 2, 3, 4],
        [2**64 - 1, 2**63, 2**62, 2**61],
    ],
    ids=["two", "equal", "four", "full row", "tiny", "huge"],
)
def test_first_picks_follow_the_weights(weights: list[int]) -> None:
    counts = first_picks(weights, f"picks {weights[0]}")
    assert chi_square(counts, weights) < CHI_SQUARE[len(weights) - 1]


def candidate(index: int, weight: int, reason: Exclusion | None = None) -> Candidate:
    return Candidate("0x", index, 0, 0, weight, 1, None if reason else 1, reason)


def test_the_odds_are_shares_of_the_candidates_weight() -> None:
    candidates = [candidate(1, 3), candidate(2, 1), candidate(3, 96, Exclusion.PRICE)]
    assert first_pick_odds(candidates) == {1: Fraction(3, 4), 2: Fraction(1, 4)}
    assert first_pick_odds([candidate(3, 96, Exclusion.TIER)]) == {}


def picks_of(share: Sequence[int], others: Sequence[int], k: int, name: str) -> float:
    """Mean number of the k places that go to the first names, over fixed seeds."""
    seats = book([*share, *others])
    mine = len(share)
    spec_k = Spec(**(SPEC.__dict__ | {"k": k}))
    drawn = (draw(spec_k, seed, seats, k) for seed in seeds(name))
    return sum(member.operator <= mine for members in drawn for member in members) / DRAWS


@pytest.mark.parametrize("names", [2, 4, 8])
def test_splitting_a_stake_gains_no_first_picks(names: int) -> None:
    """A fifth of the weight is drawn first a fifth of the time, under one name or eight."""
    others = [8 * ETHER] * 4
    whole = picks_of([8 * ETHER], others, 1, "whole")
    split = picks_of([8 * ETHER // names] * names, others, 1, f"split {names}")
    # Three standard deviations of a difference of two such means.
    assert whole == pytest.approx(0.2, abs=0.019)
    assert split == pytest.approx(whole, abs=0.027)


def test_splitting_gains_places_only_where_one_name_can_not_hold_what_its_weight_would() -> None:
    """A known limit: one name has one place of k, so a large share gains by splitting when k > 1.

    A tenth of the weight and three places of a crowded book: 0.28 places whole, 0.30 split. Half
    of the weight: 0.95 places whole, about 1.5 split. Buyers who mind ask for k = 1, or look at
    how large the largest candidates are.
    """
    crowd = [ETHER] * 18
    assert picks_of([2 * ETHER], crowd, 3, "small whole") == pytest.approx(0.28, abs=0.03)
    assert picks_of([ETHER] * 2, crowd, 3, "small split") == pytest.approx(0.30, abs=0.03)
    few = [2 * ETHER] * 3
    assert picks_of([6 * ETHER], few, 3, "large whole") == pytest.approx(0.95, abs=0.03)
    assert picks_of([2 * ETHER] * 3, few, 3, "large split") == pytest.approx(1.5, abs=0.05)
