# SPDX-License-Identifier: Apache-2.0
"""What strangers publish, cards, files and offers, stops no decision and leaves it readable."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from offchain_workers.models.card import MAX_CARD_BYTES, ModelCard
from offchain_workers.models.catalog import Catalog, PublishedModel
from offchain_workers.models.demo import digits
from offchain_workers.models.errors import InvalidCardError, ModelUnknownError
from offchain_workers.routing.carrying import carrier
from offchain_workers.routing.market import Carriage, Market, MarketOffer
from offchain_workers.routing.planning import plan
from offchain_workers.routing.quality import infer_ms_of, quality_of
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.storage import LocalStore
from tests.routing.markets import METHODS, PLACE, model, offer, operator, wish
from verifiers.opml.bundle import format_header
from verifiers.opml.program import Header

NONE = Carriage(bytes(32))
HEADER = Header(b"r" * 32, 3, 2, b"w" * 32, 64, 40, 20, 60)
LONGEST = 2**64 - 1
HUGE = 10**4_000


def carded(**changes: Any) -> bytes:
    """The digits model's card as a publisher could send it; NaN and the like are let through."""
    tree = json.loads(digits().card.canonical())
    return json.dumps({**tree, **changes}, separators=(",", ":"), sort_keys=True).encode()


def opml(header: bytes, artifact: bytes) -> Carriage | None:
    """What the router makes of a model with these files."""
    notes = {"manifest": {"header.json": "0x" + "aa" * 32}}
    card = digits().card.model_copy(update={"methods": {"opml": notes}})
    return carrier("opml").carry(artifact, card, lambda cid, limit: header)


# --- cards ------------------------------------------------------------------------------------

UNREADABLE = [
    carded(accuracy={"suite": float("nan")}),
    carded(accuracy={"infer_ms": float("inf")}),
    carded(accuracy={"infer_ms": 1}).replace(b'"infer_ms":1', b'"infer_ms":1e999'),
    carded(accuracy={"infer_ms": 1}).replace(b'"infer_ms":1', b'"infer_ms":' + b"9" * 5_000),
    carded(accuracy={}).replace(b'"accuracy":{}', b'"accuracy":' + b'{"a":' * 5_000 + b"}" * 5_000),
    carded(accuracy={"\ud800": 1}),
    carded(description="\u202egnp.exe"),
    carded(description="\x1b[2J"),
    carded(name="digits\u200b"),
    carded(name="DIGITS"),
    carded(limits={"max_items": -1, "max_onnx_bytes": 1}),
    carded(limits={"max_items": 2**70, "max_onnx_bytes": 1}),
    carded(labels=["x" * 1_000_000]),
    b"", b"null", b"[]", b"\xff\xfe", b"{", b'{"schema":"card@1"}',
]  # fmt: skip


@pytest.mark.parametrize("data", UNREADABLE, ids=lambda data: f"{data[:4]!r}-{len(data)}")
def test_a_card_that_breaks_the_rules_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(InvalidCardError) as told:
        ModelCard.from_json(data)
    assert "\n" not in told.value.message
    assert "\x1b" not in told.value.message
    assert len(told.value.message) < 500


FIGURES = [
    {"suite": {"items": 1, "right": 2}}, {"suite": {"items": 0, "right": 0}},
    {"suite": {"items": -5, "right": -1}}, {"suite": {"items": 1.0, "right": 1.0}},
    {"suite": {"items": True, "right": True}}, {"suite": "all"}, {"suite": {"items": "9"}},
    {"top1_integer": 7.5}, {"top1_integer": -0.1}, {"top1_integer": "1"}, {"held_out": 3},
    {"infer_ms": -1}, {"infer_ms": 2**31}, {"infer_ms": 0.5}, {"infer_ms": "1"},
    {"infer_ms": True}, {"infer_ms": HUGE}, {"suite": {"items": HUGE, "right": -1}},
]  # fmt: skip


@pytest.mark.parametrize("figures", FIGURES, ids=lambda figures: str(figures)[:40])
def test_figures_that_mean_nothing_count_as_unmeasured(figures: dict[str, Any]) -> None:
    card = digits().card.model_copy(update={"accuracy": figures})
    assert quality_of(card) is None
    assert infer_ms_of(card) is None


def published(store: LocalStore, card: bytes, number: int) -> PublishedModel:
    """As the chain announces it."""
    model_id, cid = number.to_bytes(32, "big"), store.put(card)
    return PublishedModel(model_id, operator(1), cid, cid, bytes(32), 0, "", 1, {})


def test_a_stranger_s_broken_card_hides_no_model_that_is_asked_for_by_name(tmp_path: Any) -> None:
    store = LocalStore(tmp_path)
    cards = [*UNREADABLE, digits().card.canonical(), b"{" * (MAX_CARD_BYTES + 1)]
    models = [published(store, card, i) for i, card in enumerate(cards)]
    catalog = Catalog(models, store)
    assert catalog.find("digits") is models[len(UNREADABLE)]
    with pytest.raises(ModelUnknownError):
        catalog.find("digit")


# --- files ------------------------------------------------------------------------------------


def test_a_header_s_window_counts_only_where_it_is_the_artifact_s() -> None:
    told = opml(format_header(HEADER), HEADER.artifact_id())
    assert told is not None
    assert (told.refusal, told.delay_ms) == (None, 20_000)
    forged = opml(format_header(replace(HEADER, window=0)), HEADER.artifact_id())
    assert forged is not None
    assert forged.refusal == "header.json is of another artifact"


def test_numbers_that_no_header_has_are_refused_and_not_computed_with() -> None:
    for change in ({"output_node": 2**300}, {"window": 2**64}, {"window": -1}, {"clock": 2**99}):
        told = opml(format_header(replace(HEADER, **change)), HEADER.artifact_id())
        assert told is not None
        assert told.refusal


# --- markets ----------------------------------------------------------------------------------


def test_a_window_of_ages_leaves_the_record_of_everybody_readable() -> None:
    header = replace(HEADER, window=LONGEST)
    eternal = opml(format_header(header), header.artifact_id())
    assert eternal is not None
    honest = model(1)
    hostile = model(2, carriage={"opml": eternal}, infer_ms=2**31 - 1)
    offers = [offer(honest, "none", seat, 10**12) for seat in range(3)]
    offers += [offer(hostile, "opml", seat, 1) for seat in range(3)]
    record = plan(wish(), Market(PLACE, METHODS, [honest, hostile], offers))
    again = DecisionRecord.from_canonical(record.canonical())
    assert again.chosen.name == honest.name
    [row] = [row for row in again.classes if row.latency_ms and row.latency_ms > 10**12]
    assert row.method == "opml"


def test_offers_at_the_ends_of_what_a_seat_can_hold_decide_nothing_they_should_not() -> None:
    honest, greedy = model(1), model(2)
    most = 2**96 - 1
    offers = [offer(honest, "none", seat, 10**12) for seat in range(3)]
    offers += [
        MarketOffer(operator(900 + seat), greedy.model_id, "none", seat % 3, seat, most, 255, most)
        for seat in range(3)
    ]
    record = plan(wish(), Market(PLACE, METHODS, [honest, greedy], offers))
    again = DecisionRecord.from_canonical(record.canonical())
    assert again.chosen.name == honest.name
    alone = plan(wish(max_price=None), Market(PLACE, METHODS, [greedy], offers[3:]))
    assert alone.choice is not None
    assert alone.choice.price_cap == most
    assert DecisionRecord.from_canonical(alone.canonical()).spec.band == 96


def test_ten_thousand_offers_make_a_record_that_can_be_read_again() -> None:
    models = [model(number) for number in range(1, 41)]
    offers = [
        replace(offer(models[i % 40], "none", i // 120, 10**12 + i, i // 40 % 3), weight=10**9)
        for i in range(10_000)
    ]
    market = Market(PLACE, METHODS, models, offers)
    record = plan(wish(), market, bytes(32))
    assert len(record.offers) == 10_000
    data = record.canonical()
    assert DecisionRecord.from_canonical(data).canonical() == data
    backwards = replace(market, offers=offers[::-1], models=models[::-1])
    assert plan(wish(), backwards, bytes(32)).canonical() == data
