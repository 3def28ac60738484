# SPDX-License-Identifier: Apache-2.0
"""How long the router takes over a large market, and how long it takes to check it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.throughput import Figure
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.routing.audit import mismatches
from offchain_workers.routing.carrying import carrier
from offchain_workers.routing.market import (
    Carriage,
    Market,
    MarketMethod,
    MarketModel,
    MarketOffer,
    Place,
)
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import DecisionRecord
from offchain_workers.routing.request import PRESETS, RouteRequest

OFFERS, MODELS, METHODS = 1_000, 6, ("none", "opml", "teeml", "zkml")
DECIDED_MS = 15
# Of the plot.
SIZES = (125, 250, 500, 1_000, 2_000)
ROUNDS = 15
_SEATS = 32


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of routing.json: CPU time of this thread, medians over presets and rounds."""
    meta = machine.facts()
    market = large_market()
    requests = [RouteRequest(task="digits", prefer=preset, max_price=10**16) for preset in PRESETS]
    say(f"deciding over {OFFERS} offers")
    deciding = _median_ms(lambda request: plan(request, market), requests)
    recording = _median_ms(lambda request: plan(request, market).hash(), requests)
    records = [plan(request, market) for request in requests]
    say("checking")
    read = _median_ms(DecisionRecord.from_canonical, [record.canonical() for record in records])
    checking = _median_ms(lambda record: mismatches(record, market), records)
    meta["load"] += f", {machine.load()} after"
    figures = [
        Figure(f"decision over {OFFERS} offers, ms", deciding, most=DECIDED_MS),
        Figure("decision, its record and hash, ms", recording),
        Figure("reading a record, ms", read),
        Figure("making a decision again and comparing, ms", checking),
        Figure("bytes of a record", len(records[0].canonical())),
    ]
    sizes = [{"offers": count, "ms": _deciding(count, requests)} for count in SIZES]
    return {"meta": meta, "figures": [figure.document() for figure in figures], "sizes": sizes}


def _deciding(offers: int, requests: Sequence[RouteRequest]) -> float:
    market = large_market(offers)
    return _median_ms(lambda request: plan(request, market), requests)


def large_market(count: int = OFFERS) -> Market:
    """Some models, every one under each method, with ``count`` seats full of offers."""
    rng = random.Random(0)
    models = [_model(number) for number in range(MODELS)]
    places = [
        (model, method, tier, seat)
        for model in models
        for method in METHODS
        for tier in range(3)
        for seat in range(_SEATS)
    ]
    offers = [
        MarketOffer(
            operator=f"0x{rng.getrandbits(160):040x}",
            model_id=model.model_id,
            method=method,
            tier=tier,
            seat=seat,
            price=rng.randrange(2 * 10**16),
            region=rng.randrange(4),
            weight=rng.randrange(10**9, 10**12),
        )
        for model, method, tier, seat in rng.sample(places, count)
    ]
    methods = [
        MarketMethod(name, selector_of(name), 64, security_bp=carrier(name).security_bp,
                     private=carrier(name).private)
        for name in METHODS
    ]  # fmt: skip
    place = Place(1, "0x" + "22" * 20, 1_000, bytes(32), 1_700_000_000, 20)
    return Market(place, methods, models, offers)


def _model(number: int) -> MarketModel:
    return MarketModel(
        model_id=number.to_bytes(32, "big"),
        publisher="0x" + "11" * 20,
        name=f"digits-{number}",
        task="digits",
        codec="digits@1",
        item_bytes=64,
        max_items=256,
        quality_bp=9_000 + number,
        infer_ms=number + 1,
        attesters=frozenset({"0x" + "a7" * 20}),
        carriage={name: Carriage(bytes(32), 1_000, 1_000) for name in METHODS},
    )


def _median_ms(work: Callable[[Any], object], on: list[Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        for each in on:
            start = time.thread_time()
            work(each)
            times.append(time.thread_time() - start)
    return round(median(times) * 1_000, 2)
