# SPDX-License-Identifier: Apache-2.0
"""The draw's arithmetic in Python is the contract's, and the contract's short cut is sound."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import boa
import pytest
from boa.contracts.vyper.vyper_contract import VyperContract

from offchain_workers.routing.weighted_draw import WAD, key, uniform, wad_ln

CALL = 256  # values that one call of the harness takes
WEIGHTS = (1, 2, 999, 10**9, 32 * 10**9, 2**64 - 1)
# Where -ln(u) is smallest, hence its last digits matter most, and where it is largest.
EDGES = [*range(1, 300), *range(WAD - 2_000, WAD + 1)]
EDGES += [2**i + d for i in range(2, 60) for d in (-1, 0, 1) if 2**i + d <= WAD]


@pytest.fixture(scope="module")
def harness() -> VyperContract:
    contract: VyperContract = boa.load(str(Path(__file__).parent / "DrawHarness.vy"))
    return contract


def chunks(values: Sequence[int]) -> Iterator[list[int]]:
    for i in range(0, len(values), CALL):
        yield list(values[i : i + CALL])


def some_uniforms(count: int, name: str) -> list[int]:
    """Values of u at random: most spread evenly, some at all scales down to 1 and up to 1e18."""
    rng = random.Random(name)
    even = [rng.randint(1, WAD) for _ in range(count // 2)]
    small = [max(1, min(WAD, int(2 ** (rng.random() * 60)))) for _ in range(count // 4)]
    return even + small + [WAD - (u - 1) for u in small]


def least_key(u: int, weight: int) -> int:
    """The contract's bound; Python has no use for it outside of these tests."""
    return (max(WAD - u, 10) - 10) * WAD // weight


def test_ln_is_the_contracts_in_the_range_of_a_draw(harness: VyperContract) -> None:
    values = EDGES + some_uniforms(3_000, "draw")
    for xs in chunks(values):
        assert harness.wad_ln(xs) == [wad_ln(x) for x in xs]


def test_ln_is_the_contracts_over_all_numbers(harness: VyperContract) -> None:
    rng = random.Random("all numbers")
    values = [0, 1, 2, WAD + 1, 2**96, 2**255 - 1]
    values += [2**i + d for i in range(1, 255) for d in (-1, 0, 1)]
    values += [rng.getrandbits(rng.randint(1, 255)) for _ in range(2_000)]
    for xs in chunks(values):
        assert harness.wad_ln(xs) == [wad_ln(x) for x in xs]


def test_ln_of_a_negative_number_is_refused_as_on_chain(harness: VyperContract) -> None:
    with boa.reverts("math: wad_ln undefined"):
        harness.wad_ln([-1])
    with pytest.raises(ValueError, match="negative"):
        wad_ln(-1)


def test_ln_is_a_logarithm() -> None:
    for u in some_uniforms(4_000, "logarithm"):
        # log1p: a float next to 1 has lost the digits of u.
        exact = math.log1p((u - WAD) / WAD) if u > WAD // 2 else math.log(u / WAD)
        assert wad_ln(u) / WAD == pytest.approx(exact, rel=1e-12, abs=2e-18)


def test_a_key_is_never_negative() -> None:
    """The contract would revert, and with it every draw of that seed."""
    assert wad_ln(WAD) == 0
    assert all(wad_ln(u) <= 0 for u in EDGES)


def test_uniforms_are_the_contracts(harness: VyperContract) -> None:
    rng = random.Random("uniform")
    for _ in range(20):
        seed = rng.randbytes(32)
        ids = [rng.getrandbits(rng.choice((3, 8, 32))) for _ in range(100)]
        assert harness.uniform(seed, ids) == [uniform(seed, i) for i in ids]


def test_uniforms_lie_in_the_range_and_spread_over_it() -> None:
    found = [uniform(bytes(32), i) for i in range(10_000)]
    assert all(0 < u <= WAD for u in found)
    assert sum(found) / len(found) == pytest.approx(WAD / 2, rel=0.02)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_keys_and_bounds_are_the_contracts(harness: VyperContract, weight: int) -> None:
    for us in chunks(EDGES[::4] + some_uniforms(1_000, f"weight {weight}")):
        assert harness.key(us, weight) == [key(u, weight) for u in us]
        assert harness.least_key(us, weight) == [least_key(u, weight) for u in us]


def test_the_bound_is_below_every_key() -> None:
    """A candidate that the contract skips unseen could not have been drawn."""
    rng = random.Random("bound")
    values = EDGES + some_uniforms(100_000, "bound")
    assert len(values) > 10**5
    for u in values:
        weight = rng.choice(WEIGHTS)
        assert least_key(u, weight) <= key(u, weight)


def test_the_bound_is_below_by_the_digits_that_it_allows_for() -> None:
    """How much of the margin of 10 the logarithm's last digits really need."""
    needed = max((WAD - u) + wad_ln(u) for u in EDGES if u > WAD - 2_000)
    assert needed <= 3


def members_with_skip(us: Sequence[int], weights: Sequence[int], k: int) -> list[int]:
    """The contract's loop, in its order and with its short cut."""
    best: list[tuple[int, int]] = []
    for i, (u, weight) in enumerate(zip(us, weights, strict=True)):
        if len(best) == k and least_key(u, weight) >= best[-1][0]:
            continue
        best = sorted([*best, (key(u, weight), i)])[:k]
    return [i for _, i in best]


@pytest.mark.parametrize("spread", [3, 100, 10**6, WAD - 1])
def test_skipping_by_the_bound_never_changes_a_draw(spread: int) -> None:
    """Also where all candidates are close to u = 1 and often equal."""
    rng = random.Random(f"skip {spread}")
    for _ in range(1_000):
        us = [WAD - rng.randint(0, spread) for _ in range(32)]
        weights = [rng.choice(WEIGHTS[:4]) for _ in us]
        k = rng.randint(1, 8)
        keyed = sorted((key(u, w), i) for i, (u, w) in enumerate(zip(us, weights, strict=True)))
        assert members_with_skip(us, weights, k) == [i for _, i in keyed[:k]]
