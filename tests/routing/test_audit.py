# SPDX-License-Identifier: Apache-2.0
"""Decisions made again: honest ones agree, each kind of dishonest one is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.routing.audit import mismatches
from offchain_workers.routing.faults import MAX_AGE_BLOCKS, Fault, job_mismatches
from offchain_workers.routing.market import Carriage, Market
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import DecisionRecord, Reason
from offchain_workers.routing.request import PRESETS, Preset
from tests.routing.markets import (
    ETHER,
    METHODS,
    PLACE,
    four_methods,
    model,
    offer,
    random_market,
    random_request,
    wish,
)

MARKETS = 1_000


def test_a_thousand_random_decisions_agree() -> None:
    rng = random.Random(1)
    chosen = 0
    for _ in range(MARKETS):
        market, request = random_market(rng), random_request(rng)
        stated = DecisionRecord.from_canonical(plan(request, market).canonical())
        assert mismatches(stated, market, request) == []
        chosen += stated.choice is not None
    assert chosen > MARKETS // 4


# --- lies -------------------------------------------------------------------------------------

Lie = Callable[[DecisionRecord, Market], DecisionRecord]


def _without(market: Market, index: int) -> Market:
    """The market without its i-th offer."""
    return replace(market, offers=[o for i, o in enumerate(market.offers) if i != index])


def edited(record: DecisionRecord, part: str, at: int, **changes: Any) -> DecisionRecord:
    """With one row changed."""
    rows = list(getattr(record, part))
    rows[at] = rows[at].model_copy(update=changes)
    return record.model_copy(update={part: tuple(rows)})


def best_offer(record: DecisionRecord) -> int:
    return record.chosen.best[0]


def wrong_score(record: DecisionRecord, market: Market) -> DecisionRecord:
    """The runner-up's utility is written up, and it is taken."""
    second = record.ranking[1]
    lied = edited(record, "classes", second, utility=10_000)
    swapped = (second, record.ranking[0], *record.ranking[2:])
    return lied.model_copy(update={"ranking": swapped})


def hidden_offer(record: DecisionRecord, market: Market) -> DecisionRecord:
    """The whole decision, honestly made of a market that lacks the best offer."""
    best = record.offers[best_offer(record)]
    at = next(i for i, o in enumerate(market.offers) if o.operator == best.operator)
    return plan(record.request, _without(market, at))


def hidden_model(record: DecisionRecord, market: Market) -> DecisionRecord:
    kept = [m for m in market.models if "0x" + m.model_id.hex() != record.chosen.model]
    offers = [o for o in market.offers if "0x" + o.model_id.hex() != record.chosen.model]
    return plan(record.request, replace(market, models=kept, offers=offers))


def invented_offer(record: DecisionRecord, market: Market) -> DecisionRecord:
    own = offer(market.models[4], "zkml", 30, 1)
    return plan(record.request, replace(market, offers=[*market.offers, own]))


def wrong_price(record: DecisionRecord, market: Market) -> DecisionRecord:
    """A friend's offer looks cheaper than it is."""
    friend = replace(market.offers[-1], price=1)
    return plan(record.request, replace(market, offers=[*market.offers[:-1], friend]))


def wrong_block(record: DecisionRecord, market: Market) -> DecisionRecord:
    """The market of an earlier block, under the right one's name."""
    earlier = [replace(o, price=o.price * 2) for o in market.offers]
    return plan(record.request, replace(market, offers=earlier))


def other_block(record: DecisionRecord, market: Market) -> DecisionRecord:
    place = replace(PLACE, block_hash=b"\x08" * 32)
    return plan(record.request, replace(market, place=place))


def other_weights(record: DecisionRecord, market: Market) -> DecisionRecord:
    """Those of another preset than the one that was asked for."""
    other = plan(wish(Preset.CHEAP), market)
    return other.model_copy(update={"request": record.request, "seed": record.seed})


def changed_request(record: DecisionRecord, market: Market) -> DecisionRecord:
    """Consistent in itself: only who asked can see it."""
    return plan(record.request.model_copy(update={"prefer": Preset.CHEAP}), market)


def omitted_reason(record: DecisionRecord, market: Market) -> DecisionRecord:
    at = next(i for i, row in enumerate(record.classes) if Reason.ARTIFACT in row.reasons)
    return edited(record, "classes", at, reasons=())


def invented_reason(record: DecisionRecord, market: Market) -> DecisionRecord:
    at = best_offer(record)
    return edited(record, "offers", at, reasons=(Reason.REGION,), cost=None, utility=None)


def forged_quality(record: DecisionRecord, market: Market) -> DecisionRecord:
    better = [replace(m, quality_bp=10_000) if m.model_id[-1] == 5 else m for m in market.models]
    return plan(record.request, replace(market, models=better))


def forged_latency(record: DecisionRecord, market: Market) -> DecisionRecord:
    quick = {"zkml": Carriage(b"z" * 32, 1, 1)}
    models = [replace(m, carriage=quick) if m.model_id[-1] == 5 else m for m in market.models]
    return plan(record.request, replace(market, models=models))


def forged_security(record: DecisionRecord, market: Market) -> DecisionRecord:
    methods = [replace(m, security_bp=10_000) if m.name == "none" else m for m in METHODS]
    return plan(record.request, replace(market, methods=methods))


def wrong_seed(record: DecisionRecord, market: Market) -> DecisionRecord:
    return record.model_copy(update={"seed": "0x" + "5e" * 32})


def wrong_version(record: DecisionRecord, market: Market) -> DecisionRecord:
    return record.model_copy(update={"router": "0"})


def reordered(record: DecisionRecord, market: Market) -> DecisionRecord:
    return edited(record, "classes", record.ranking[0], best=record.chosen.best[::-1])


def other_choice(record: DecisionRecord, market: Market) -> DecisionRecord:
    """The scores are right, but something else was taken."""
    assert record.choice is not None
    choice = record.choice.model_copy(update={"of": record.ranking[1]})
    return record.model_copy(update={"choice": choice})


def other_subnet(record: DecisionRecord, market: Market) -> DecisionRecord:
    return plan(record.request, replace(market, subnets={record.spec.spec_id: b"f" * 32}))


def wider_spec(record: DecisionRecord, market: Market) -> DecisionRecord:
    """So that a dear friend can be drawn."""
    assert record.chosen.spec is not None
    spec = record.chosen.spec.model_copy(update={"band": 90})
    return edited(record, "classes", record.ranking[0], spec=spec)


def shadow_row(record: DecisionRecord, market: Market) -> DecisionRecord:
    """The same row twice, so that one may be shown and the other be used."""
    return record.model_copy(update={"offers": (*record.offers, record.offers[-1])})


def refused(record: DecisionRecord, market: Market) -> DecisionRecord:
    """Nothing is said to fit."""
    return record.model_copy(update={"choice": None, "ranking": ()})


LIES: dict[Fault, list[Lie]] = {
    Fault.VERSION: [wrong_version],
    Fault.REQUEST: [changed_request],
    Fault.BLOCK: [other_block],
    Fault.SEED: [wrong_seed],
    Fault.WEIGHTS: [other_weights],
    Fault.HIDDEN_MODEL: [hidden_model],
    Fault.HIDDEN_OFFER: [hidden_offer],
    Fault.INVENTED_OFFER: [invented_offer],
    Fault.WRONG_PRICE: [wrong_price, wrong_block],
    Fault.WRONG_QUALITY: [forged_quality],
    Fault.WRONG_LATENCY: [forged_latency],
    Fault.WRONG_SECURITY: [forged_security],
    Fault.OMITTED_REASON: [omitted_reason],
    Fault.INVENTED_REASON: [invented_reason],
    Fault.WRONG_SCORE: [wrong_score],
    Fault.WRONG_SPEC: [wider_spec],
    Fault.ORDER: [reordered],
    Fault.CHOICE: [other_choice, refused],
    Fault.SUBNET: [other_subnet],
    Fault.FORM: [shadow_row],
}


@pytest.mark.parametrize(
    ("fault", "lie"),
    [pytest.param(f, lie, id=lie.__name__) for f, lies in LIES.items() for lie in lies],
)
def test_each_lie_is_found_and_named(fault: Fault, lie: Lie) -> None:
    market, request = four_methods(), wish()
    lied = lie(plan(request, market), market)
    # As it would be read from a store: an index out of range would not get this far.
    stated = DecisionRecord.from_canonical(lied.canonical())
    assert fault in {found.fault for found in mismatches(stated, market, request)}


def test_equal_offers_in_another_order_are_found() -> None:
    """Where scores say nothing, the seed's draw is the order."""
    one = model(1)
    market = Market(PLACE, METHODS, [one], [offer(one, "none", seat, 7) for seat in range(6)])
    request = wish(members=1)
    record = plan(request, market)
    assert record.choice is not None
    drawn = [*record.chosen.best, *record.choice.backups]
    friend = drawn[-1]
    lied = edited(record, "classes", record.choice.of, best=(friend,))
    backups = tuple(i for i in drawn if i != friend)
    lied = lied.model_copy(update={"choice": record.choice.model_copy(update={"backups": backups})})
    assert {found.fault for found in mismatches(lied, market)} == {Fault.ORDER}


def test_any_changed_figure_of_a_random_decision_is_found() -> None:
    rng = random.Random(3)
    tried = 0
    while tried < 150:
        market, request = random_market(rng), random_request(rng)
        record = plan(request, market)
        if not record.offers:
            continue
        at = rng.randrange(len(record.offers))
        name = rng.choice(["price", "weight", "region", "utility"])
        now = getattr(record.offers[at], name)
        lied = edited(record, "offers", at, **{name: (now or 0) + 1})
        assert mismatches(lied, market)
        tried += 1


# --- the job ----------------------------------------------------------------------------------


def terms_of(record: DecisionRecord) -> JobTerms:
    """As a poster who does what was decided."""
    spec = record.spec
    assert record.choice is not None
    return JobTerms(
        requester="0x" + "33" * 20,
        model_id=spec.model_id,
        selector=spec.selector,
        subnet_id=b"n" * 32,
        input_commitment=bytes(32),
        max_price=record.choice.price_cap,
        deliver_by=0,
        resolve_by=0,
        turn_length=30,
        artifact_id=record.artifact_id,
        decision_hash=record.hash(),
    )


def test_a_job_that_follows_its_plan_agrees() -> None:
    record = plan(wish(), four_methods())
    spec_id, block = record.spec.spec_id, PLACE.block
    assert job_mismatches(record, terms_of(record), block + 3, spec_id) == []
    batch = replace(terms_of(record), n=4, max_price=4 * ETHER // 100)
    assert job_mismatches(record, batch, block, spec_id) == []


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        (Fault.JOB_HASH, {"decision_hash": b"x" * 32}),
        (Fault.JOB_MODEL, {"model_id": b"x" * 32}),
        (Fault.JOB_METHOD, {"selector": METHODS[0].selector}),
        (Fault.JOB_ARTIFACT, {"artifact_id": bytes(32)}),
        (Fault.JOB_SUBNET, {"token": "0x" + "44" * 20}),
        (Fault.JOB_PRICE, {"max_price": ETHER // 100 + 1}),
    ],
)
def test_a_job_that_does_not_is_named(fault: Fault, changes: dict[str, Any]) -> None:
    record = plan(wish(), four_methods())
    terms = replace(terms_of(record), **changes)
    found = job_mismatches(record, terms, PLACE.block, record.spec.spec_id)
    assert [each.fault for each in found] == [fault]


def test_a_job_of_another_subnet_or_time_is_named() -> None:
    record = plan(wish(), four_methods())
    terms, spec_id = terms_of(record), record.spec.spec_id
    [found] = job_mismatches(record, terms, PLACE.block, b"x" * 32)
    assert found.fault is Fault.JOB_SUBNET
    for block in (PLACE.block - 1, PLACE.block + MAX_AGE_BLOCKS + 1):
        [found] = job_mismatches(record, terms, block, spec_id)
        assert found.fault is Fault.JOB_AGE


def test_a_job_on_a_decision_that_nothing_fits_is_named() -> None:
    market = four_methods()
    nothing = plan(wish(max_price=1), market)
    terms = replace(terms_of(plan(wish(), market)), decision_hash=nothing.hash())
    assert Fault.CHOICE in {f.fault for f in job_mismatches(nothing, terms, PLACE.block, b"")}


def test_every_preset_is_audited_alike() -> None:
    market = four_methods()
    assert [mismatches(plan(wish(p), market), market) for p in PRESETS] == [[]] * len(PRESETS)
