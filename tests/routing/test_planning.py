# SPDX-License-Identifier: Apache-2.0
"""The router's choice: presets, limits and their reasons, and what must not change it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.routing.audit import mismatches
from offchain_workers.routing.errors import (
    InvalidRecordError,
    InvalidRequestError,
    InvalidTableError,
    NothingFitsError,
)
from offchain_workers.routing.market import Carriage, Market
from offchain_workers.routing.planning import MAX_UNOFFERED, plan
from offchain_workers.routing.quality import QualityTable, table_of
from offchain_workers.routing.record import DecisionRecord, OfferRow, Reason
from offchain_workers.routing.request import PRESETS, Preset, RouteRequest
from tests.routing.markets import (
    ATTESTER,
    ETHER,
    METHODS,
    PLACE,
    PUBLISHER,
    four_methods,
    model,
    offer,
    random_market,
    random_request,
    wish,
)

NONCE = bytes(32)
ZKML = selector_of("zkml")


def reasons(record: DecisionRecord, method: str, number: int = 1) -> tuple[Reason, ...]:
    """Of a model under a method."""
    wanted = "0x" + number.to_bytes(32, "big").hex()
    [row] = [r for r in record.classes if (r.model, r.method) == (wanted, method)]
    return row.reasons


def ranked(record: DecisionRecord) -> list[tuple[str, int, int]]:
    """Offers that count, best first."""
    rows = [row for row in record.offers if row.utility is not None]
    return [_key(row) for row in sorted(rows, key=lambda row: (-(row.utility or 0), row.price))]


def _key(row: OfferRow) -> tuple[str, int, int]:
    return (row.operator, row.tier, row.seat)


# --- presets ----------------------------------------------------------------------------------


def test_five_presets_make_five_plans_of_one_market() -> None:
    market = four_methods()
    plans = {preset: plan(wish(preset), market) for preset in PRESETS}
    chosen = {preset: (p.chosen.name, p.chosen.method) for preset, p in plans.items()}
    assert chosen == {
        Preset.BALANCED: ("digits-3", "opml"),
        Preset.PRIVATE: ("digits-4", "teeml"),
        Preset.CHEAP: ("digits-2", "none"),
        Preset.FAST: ("digits-1", "none"),
        Preset.SAFE: ("digits-5", "zkml"),
    }
    for record in plans.values():
        rows = [record.classes[i] for i in record.ranking]
        scores = [row.utility for row in rows if row.utility is not None]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == len(rows)


def test_own_weights_count_instead_of_the_presets() -> None:
    weights = {"quality": 1, "cost": 0, "latency": 0, "security": 0}
    record = plan(wish(Preset.SAFE, weights=weights), four_methods())
    assert record.chosen.name == "digits-2"
    assert record.chosen.utility == 9_900


def test_a_requester_may_rate_evidence_otherwise() -> None:
    record = plan(wish(Preset.SAFE, security={"opml": 10_000, "zkml": 1_000}), four_methods())
    assert record.chosen.method == "opml"


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"task": "file-type"}, Reason.TASK),
        ({"task": None, "model": "0x" + "77" * 32}, Reason.MODEL),
        ({"codec": "tensor@1"}, Reason.SIGNATURE),
        ({"item_bytes": 65}, Reason.SIGNATURE),
        ({"methods": ["zkml"]}, Reason.METHOD),
        ({"items": 257}, Reason.SIZE),
        ({"private": True}, Reason.PRIVACY),
        ({"max_latency_ms": 1}, Reason.LATENCY),
        ({"min_quality_bp": 9_500}, Reason.QUALITY),
        ({"attesters": ["0x" + "b0" * 20]}, Reason.ATTESTATION),
        ({"attestations": 2}, Reason.ATTESTATION),
        ({"members": 5}, Reason.MEMBERS),
    ],
)
def test_each_limit_has_its_reason(limits: dict[str, object], reason: Reason) -> None:
    assert reasons(plan(wish(**limits), four_methods()), "none") == (reason,)


def test_a_model_without_an_artifact_is_not_carried_by_the_method() -> None:
    assert reasons(plan(wish(), four_methods()), "zkml") == (Reason.ARTIFACT,)


def test_a_method_that_can_not_carry_a_model_says_size() -> None:
    market = four_methods()
    big = model(5, carriage={"zkml": Carriage(b"z" * 32, refusal="2^22 rows")})
    record = plan(wish(), replace(market, models=[big]))
    assert reasons(record, "zkml", 5) == (Reason.SIZE,)


def test_a_flood_of_models_that_nobody_offers_hides_none_that_somebody_does() -> None:
    def last(each: Any) -> Any:
        return replace(each, model_id=b"\xff" + each.model_id[1:])

    market = four_methods()
    market = replace(market, models=[*map(last, market.models)], offers=[*map(last, market.offers)])
    flooded = replace(market, models=[*market.models, *map(model, range(10_000))])
    record = plan(wish(), flooded)
    assert ranked(record) == ranked(plan(wish(), market))
    unoffered = [row for i, row in enumerate(record.classes) if not record.offers_of(i)]
    assert len(unoffered) == MAX_UNOFFERED
    assert DecisionRecord.from_canonical(record.canonical()) == record
    assert mismatches(record, flooded) == []


def test_an_unreadable_card_hides_no_other_model() -> None:
    market = four_methods()
    broken = replace(model(9), problem="nobody has it")
    record = plan(wish(), replace(market, models=[*market.models, broken]))
    assert reasons(record, "none", 9) == (Reason.CARD,)
    assert record.chosen.method == "opml"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"tiers": ["virtual_node"]}, Reason.TIER),
        ({"region": 2}, Reason.REGION),
        ({"max_price": ETHER // 100_000}, Reason.PRICE),
    ],
)
def test_offers_have_reasons_of_their_own(limits: dict[str, object], reason: Reason) -> None:
    record = plan(wish(**limits), four_methods())
    assert {row.reasons for row in record.offers} == {(reason,)}
    assert record.choice is None
    with pytest.raises(NothingFitsError, match=f"{reason.value} \\(20\\)"):
        _ = record.chosen


def test_a_price_between_the_cap_and_its_power_of_two_would_admit_dearer_offers() -> None:
    one = model(1)
    offers = [offer(one, "none", 0, 1_000), offer(one, "none", 1, 1_024), offer(one, "none", 2, 9)]
    market = Market(PLACE, METHODS, [one], offers)
    record = plan(wish(max_price=1_500, members=2), replace(market, offers=offers))
    assert record.choice is not None
    assert record.choice.price_cap <= 1_024
    dear = offer(one, "none", 3, 1_025)
    record = plan(wish(max_price=1_500, members=2), replace(market, offers=[*offers, dear]))
    assert [row.reasons for row in record.offers if row.reasons] == [(Reason.BAND,)]


@pytest.mark.parametrize("most", [1, 1_100])
def test_a_price_that_lets_nothing_in_is_told_the_least_one_that_does(most: int) -> None:
    one, dear = model(1), model(2)
    offers = [offer(one, "none", seat, price) for seat, price in enumerate((900, 1_050, 1_060))]
    offers += [offer(dear, "none", seat, 5_000) for seat in range(3)]
    market = Market(PLACE, METHODS, [one, dear], offers)
    with pytest.raises(NothingFitsError, match=r"digits-1 under none would, .*\(2048 wei\)"):
        _ = plan(wish(max_price=most), market).chosen
    assert plan(wish(max_price=2_047), market).choice is None
    assert plan(wish(max_price=2_048), market).chosen.name == "digits-1"


def test_a_publishers_own_attestation_does_not_count() -> None:
    own = model(1, attesters=frozenset({PUBLISHER}))
    market = Market(PLACE, METHODS, [own], [offer(own, "none", 0, 1)])
    assert plan(wish(members=1), market).choice is None
    at_home = replace(market, place=replace(PLACE, development=True))
    assert plan(wish(members=1), at_home).choice is not None
    assert plan(wish(members=1, attesters=[ATTESTER]), at_home).choice is None


@pytest.mark.parametrize("asked", [{"attestations": 0}, {"attesters": [PUBLISHER]}])
@pytest.mark.parametrize("attesters", [frozenset(), frozenset({PUBLISHER})])
def test_nobody_can_ask_for_a_program_that_only_its_publisher_vouches_for(
    asked: dict[str, Any], attesters: frozenset[str]
) -> None:
    """Under zkml a program proves whatever it was made for; elsewhere 0 is the asker's own risk."""
    carriage = dict.fromkeys(("none", "zkml"), Carriage(b"z" * 32))
    own = model(1, attesters=attesters, carriage=carriage)
    offers = [offer(own, method, 0, 1) for method in ("none", "zkml")]
    market = Market(PLACE, METHODS, [own], offers)
    record = plan(wish(members=1, methods=["zkml"], **asked), market)
    assert record.choice is None
    assert [row.reasons for row in record.classes if row.method == "zkml"] == [
        (Reason.ATTESTATION,)
    ]
    at_home = replace(market, place=replace(PLACE, development=True))
    allowed = wish(members=1, methods=["zkml"], attestations=0)
    assert plan(allowed, at_home).choice is not None
    vouched = replace(own, attesters=frozenset({ATTESTER}))
    assert plan(allowed, replace(market, models=[vouched])).choice is not None


# --- tiers ------------------------------------------------------------------------------------


def test_a_later_tier_is_used_only_when_the_earlier_ones_do_not_suffice() -> None:
    one = model(1)
    near = [offer(one, "none", seat, 1_000, tier=2) for seat in range(2)]
    far = [offer(one, "none", seat, 1, tier=0) for seat in range(2)]
    market = Market(PLACE, METHODS, [one], [*near, *far])
    tiers = ["virtual_node", "web2_cloud"]
    record = plan(wish(tiers=tiers, members=2), market)
    assert (record.spec.tiers, record.chosen.rung) == (0b100, 0)
    record = plan(wish(tiers=tiers, members=3), market)
    assert (record.spec.tiers, record.chosen.rung) == (0b101, 1)
    assert plan(wish(tiers=tiers[:1], members=3), market).choice is None


# --- what the plan hands on -------------------------------------------------------------------


def test_the_spec_is_as_narrow_as_the_best_offers_allow() -> None:
    record = plan(wish(Preset.SAFE), four_methods())
    dearest = max(record.offers[i].price for i in record.chosen.best)
    assert record.spec.band == (dearest - 1).bit_length()
    assert record.spec.selector == ZKML
    assert record.artifact_id == b"z" * 32


def test_a_live_subnet_of_the_spec_is_used_again() -> None:
    market = four_methods()
    first = plan(wish(), market)
    assert first.subnet_id is None
    again = plan(wish(), replace(market, subnets={first.spec.spec_id: b"s" * 32}))
    assert again.subnet_id == b"s" * 32


def test_a_record_survives_the_wire_and_its_nonce_decides_nothing() -> None:
    market = four_methods()
    record, other = plan(wish(), market), plan(wish(), market)
    assert DecisionRecord.from_canonical(record.canonical()) == record
    assert record.hash() != other.hash()
    assert record.model_copy(update={"nonce": other.nonce}) == other


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"choice"', b'{ "choice"'),
        (b'"router":"1"', b'"router":1'),
        (b'"of":', b'"off":'),
        (b'"ranking":[', b'"ranking":[99,'),
        (b'"price":"', b'"price":"0'),
    ],
)
def test_a_damaged_record_is_refused(old: bytes, new: bytes) -> None:
    data = plan(wish(), four_methods()).canonical()
    assert old in data
    with pytest.raises(InvalidRecordError):
        DecisionRecord.from_canonical(data.replace(old, new, 1))


@pytest.mark.parametrize(
    "text",
    [b"{}", b"[]", b"nonsense", b'{"task":"digits","model":"0x' + b"00" * 32 + b'"}',
     b'{"task":"digits","max_price":"-1"}', b'{"task":"digits","max_price":0}',
     b'{"task":"digits","tiers":["web2_cloud","web2_cloud"]}', b'{"task":"digits","colour":"red"}',
     b'{"task":"digits","weights":{"quality":0,"cost":0,"latency":0,"security":0}}',
     b'{"task":"digits","prefer":"everything"}', b"x" * 20_000],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        RouteRequest.parse(text)


# --- quality ----------------------------------------------------------------------------------


def test_a_scorers_table_counts_only_where_the_request_names_it() -> None:
    market, better = four_methods(), (4).to_bytes(32, "big")
    table = QualityTable("bandit", PLACE.epoch, {better: 10_000})
    with_table = replace(market, quality=table)
    unnamed = plan(wish(), with_table, NONCE)
    assert unnamed == plan(wish(), market, NONCE)
    named = "0x" + table.hash().hex()
    record = plan(wish(quality_table=named), with_table)
    assert {row.quality for row in record.classes if row.name == "digits-4"} == {10_000}
    with pytest.raises(InvalidTableError, match="not at hand"):
        plan(wish(quality_table=named), market)


def test_a_scorer_writes_only_the_next_epochs_figures() -> None:
    known = {(1).to_bytes(32, "big"): 9_000}
    table = table_of("bandit", PLACE.epoch, known, known)
    assert table.epoch == PLACE.epoch + 1
    assert QualityTable.from_canonical(table.canonical()) == table
    early = replace(four_methods(), quality=table)
    with pytest.raises(InvalidTableError, match="epoch"):
        plan(wish(quality_table="0x" + table.hash().hex()), early)
    for figures in ({b"?" * 32: 1}, {(1).to_bytes(32, "big"): 10_001}):
        with pytest.raises(InvalidTableError):
            table_of("bandit", 1, figures, known)


# --- what must not matter ---------------------------------------------------------------------


def test_offers_in_any_order_give_the_same_decision() -> None:
    rng = random.Random(5)
    for _ in range(100):
        market, request = random_market(rng), random_request(rng)
        shuffled = replace(
            market,
            offers=rng.sample(market.offers, len(market.offers)),
            models=rng.sample(market.models, len(market.models)),
        )
        assert plan(request, market, NONCE) == plan(request, shuffled, NONCE)


def test_another_offer_never_reorders_the_others() -> None:
    rng = random.Random(6)
    for _ in range(300):
        market, request = random_market(rng), random_request(rng)
        if not market.models:
            continue
        of = rng.choice(market.models)
        price = rng.choice([0, 1, rng.randrange(ETHER // 50)])
        more = offer(of, rng.choice(METHODS).name, 31, price, rng.randrange(3), rng.randrange(4))
        before = plan(request, market, NONCE)
        after = plan(request, replace(market, offers=[*market.offers, more]), NONCE)
        assert [key for key in ranked(after) if key[2] != 31] == ranked(before)


def test_an_offer_that_does_not_count_changes_no_choice() -> None:
    """One that is refused, or is worse than those that its class is as good as."""
    rng = random.Random(7)
    seen = 0
    for _ in range(400):
        market, request = random_market(rng), random_request(rng)
        before = plan(request, market, NONCE)
        if before.choice is None:
            continue
        of = market.models[rng.randrange(len(market.models))]
        more = offer(of, rng.choice(METHODS).name, 31, ETHER, rng.randrange(3), rng.randrange(4))
        after = plan(request, replace(market, offers=[*market.offers, more]), NONCE)
        rows = [row for row in after.offers if row.seat == 31]
        makes_up_members = any(
            row.utility is not None and after.offers.index(row) in after.classes[row.of].best
            for row in rows
        )
        if makes_up_members:
            continue
        seen += 1
        assert after.chosen == before.chosen.model_copy(
            update={"best": after.chosen.best, "fitting": after.chosen.fitting}
        )
    assert seen > 100
