# SPDX-License-Identifier: Apache-2.0
"""What a decision says of itself: the term that decided, the limits that left others out."""

from __future__ import annotations

import random
from dataclasses import replace

from offchain_workers.routing.explain import Decisive, decisive, limits, terms
from offchain_workers.routing.planning import plan
from offchain_workers.routing.request import PRESETS, Preset
from tests.routing.markets import four_methods, random_market, random_request, wish


def test_without_the_decisive_term_the_choice_is_another_or_no_better() -> None:
    """Take the term away, with all the others' weights kept: the next one comes level or ahead."""
    market = four_methods()
    for preset, weights in PRESETS.items():
        record = plan(wish(preset, attestations=0), market)
        found = decisive(record)
        if found.term not in ("quality", "cost", "latency", "security"):
            continue
        first, second = (record.classes[i] for i in record.ranking[:2])
        ours, theirs = terms(record, first), terms(record, second)
        rest = [name for name in ours if name != found.term]
        gain = sum(getattr(weights, n) * ((ours[n] or 0) - (theirs[n] or 0)) for n in rest)
        assert found.ahead * weights.total + gain >= -weights.total
        named = getattr(weights, found.term) * ((ours[found.term] or 0) - (theirs[found.term] or 0))
        assert all(
            getattr(weights, n) * ((ours[n] or 0) - (theirs[n] or 0)) <= named for n in rest
        ), preset


def test_one_that_stands_alone_says_so_and_names_the_limits() -> None:
    market = four_methods()
    record = plan(wish(Preset.PRIVATE), market)
    assert decisive(record) == Decisive("limits")
    assert str(decisive(record)) == "the only one that meets the wish"
    assert limits(record) == {"privacy": 4}


def test_equals_are_drawn() -> None:
    market = four_methods()
    twin = market.models[0]
    double = replace(twin, model_id=(77).to_bytes(32, "big"))
    offers = [o for o in market.offers if o.model_id == twin.model_id]
    twins = replace(
        market,
        models=[twin, double],
        offers=[*offers, *(replace(o, model_id=double.model_id) for o in offers)],
    )
    assert decisive(plan(wish(), twins)).term == "draw"


def test_a_tier_that_comes_first_decides() -> None:
    market = four_methods()
    moved = [replace(o, tier=1) if o.method == "zkml" else o for o in market.offers]
    wished = wish(Preset.CHEAP, tiers=("web3_share", "web2_cloud"))
    record = plan(wished, replace(market, offers=moved))
    assert record.chosen.method == "zkml"
    assert decisive(record).term == "tiers"


def test_every_decision_can_be_explained() -> None:
    rng = random.Random(5)
    for _ in range(200):
        record = plan(random_request(rng), random_market(rng))
        limits(record)
        if record.choice is not None:
            assert str(decisive(record))
