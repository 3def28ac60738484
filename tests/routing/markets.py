# SPDX-License-Identifier: Apache-2.0
"""Markets of the router's tests: one that tells presets apart, and random ones."""

from __future__ import annotations

import random
from dataclasses import replace

from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.routing.market import (
    Carriage,
    Market,
    MarketMethod,
    MarketModel,
    MarketOffer,
    Place,
)
from offchain_workers.routing.request import PRESETS, Preset, RouteRequest, Weights

ETHER = 10**18
PUBLISHER, ATTESTER = "0x" + "11" * 20, "0x" + "a7" * 20
METHODS = (
    MarketMethod("none", selector_of("none"), 256),
    MarketMethod("opml", selector_of("opml"), 1, security_bp=7_500),
    MarketMethod("teeml", selector_of("teeml"), 64, security_bp=7_000, private=True),
    MarketMethod("zkml", selector_of("zkml"), 1, security_bp=10_000),
)
PLACE = Place(1, "0x" + "22" * 20, 1_000, b"\x07" * 32, 1_700_000_000, 20)


def model(number: int, **changes: object) -> MarketModel:
    """A digits model; ``number`` makes its id."""
    base = MarketModel(
        model_id=number.to_bytes(32, "big"),
        publisher=PUBLISHER,
        name=f"digits-{number}",
        task="digits",
        codec="digits@1",
        item_bytes=64,
        max_items=256,
        quality_bp=9_700,
        infer_ms=5,
        attesters=frozenset({ATTESTER}),
        carriage={"none": Carriage(bytes(32))},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def operator(number: int) -> str:
    return f"0x{number:040x}"


def offer(
    of: MarketModel, method: str, seat: int, price: int, tier: int = 0, region: int = 1
) -> MarketOffer:
    """By an operator of its own."""
    who = operator(int.from_bytes(of.model_id, "big") * 10_000 + tier * 100 + seat + 1)
    return MarketOffer(who, of.model_id, method, tier, seat, price, region, 10**9)


def four_methods() -> Market:
    """One task, five ways: a small fast model, a large slow one, and what each method has."""
    small = model(1, quality_bp=9_400, infer_ms=2)
    large = model(2, quality_bp=9_900, infer_ms=20_000)
    compiled = model(3, quality_bp=9_650, carriage={"opml": Carriage(b"o" * 32, 20_000, 5)})
    enclave = model(4, quality_bp=9_750, infer_ms=3_000, carriage={"teeml": Carriage(b"t" * 32)})
    circuit = model(5, quality_bp=9_600, carriage={"zkml": Carriage(b"z" * 32, 4_000, 4_000)})
    # Model, method, price per item in tenths of a thousandth of a coin: slow machines are cheap.
    asked = [(small, "none", 10), (large, "none", 5), (compiled, "opml", 20)]
    asked += [(enclave, "teeml", 40), (circuit, "zkml", 75)]
    offers = [
        offer(each, method, seat, (price + seat) * ETHER // 10_000)
        for each, method, price in asked
        for seat in range(4)
    ]
    return Market(PLACE, METHODS, [each for each, _, _ in asked], offers)


def random_market(rng: random.Random) -> Market:
    """Up to 8 models and 150 offers, anything goes."""
    models = [_random_model(rng, number) for number in range(rng.randrange(9))]
    seats = {
        (rng.randrange(len(models)), rng.choice(METHODS).name, rng.randrange(3), rng.randrange(8))
        for _ in range(rng.randrange(151) if models else 0)
    }
    prices = [rng.randrange(ETHER // 50) for _ in range(6)]
    offers = [
        offer(models[i], method, seat, rng.choice(prices), tier, rng.randrange(4))
        for i, method, tier, seat in sorted(seats)
    ]
    rng.shuffle(offers)
    methods = [replace(each, open=rng.random() < 0.9) for each in METHODS]
    place = replace(PLACE, block_hash=rng.randbytes(32), development=rng.random() < 0.5)
    return Market(place, methods, models, offers)


def _random_model(rng: random.Random, number: int) -> MarketModel:
    if rng.random() < 0.05:
        return MarketModel(number.to_bytes(32, "big"), PUBLISHER, problem="nobody has its card")
    carriage = {
        method.name: Carriage(
            rng.randbytes(32),
            rng.randrange(90_000),
            rng.randrange(1_000),
            "too many rows" if rng.random() < 0.1 else None,
        )
        for method in METHODS
        if rng.random() < 0.6
    }
    return model(
        number,
        task=rng.choice(["digits", "digits", "digits", "file-type"]),
        codec=rng.choice(["digits@1", "digits@1", "digits@1", "tensor@1"]),
        quality_bp=rng.choice([None, 9_000, 9_500, rng.randrange(10_001)]),
        infer_ms=rng.choice([None, 1, 50, rng.randrange(80_000)]),
        attesters=frozenset(rng.sample([PUBLISHER, ATTESTER], rng.choice([0, 1, 1, 2]))),
        carriage=carriage,
    )


def random_request(rng: random.Random) -> RouteRequest:
    """A wish of a random kind, about digits for the most part."""
    own = Weights(
        quality=rng.randrange(10),
        cost=rng.randrange(10),
        latency=rng.randrange(10),
        security=1 + rng.randrange(9),
        cost_power=rng.choice([1, 2]),
    )
    tiers = rng.sample(["web2_cloud", "web3_share", "virtual_node"], rng.randrange(4))
    return RouteRequest(
        task=rng.choice(["digits", "digits", "digits", "file-type"]),
        prefer=rng.choice([*PRESETS, *(p for p in PRESETS if p is not Preset.PRIVATE)]),
        weights=rng.choice([None, None, own]),
        max_price=rng.choice([None, None, 1 + rng.randrange(ETHER // 50)]),
        max_latency_ms=rng.choice([None, None, None, 1 + rng.randrange(100_000)]),
        first_answer=rng.random() < 0.3,
        min_quality_bp=rng.choice([0, 0, 0, rng.randrange(10_001)]),
        region=rng.choice([0, 0, 0, 1]),
        tiers=tuple(tiers),  # type: ignore[arg-type]
        methods=rng.choice([(), (), (), ("opml", "zkml"), ("none",)]),
        private=rng.random() < 0.1,
        members=rng.choice([1, 1, 2, 3]),
        items=rng.choice([1, 1, 1, 1, 30]),
        codec=rng.choice([None, None, "digits@1"]),
        attestations=rng.choice([None, 0, 0, 1]),
        attesters=rng.choice([(), (), (), (ATTESTER,)]),
        security=rng.choice([{}, {}, {"teeml": 9_900}]),
    )


def wish(prefer: Preset = Preset.BALANCED, **limits: object) -> RouteRequest:
    """A wish for a digit's label under the caps that tell the presets apart."""
    usual = {"task": "digits", "max_price": ETHER // 100}
    return RouteRequest.model_validate(usual | {"prefer": prefer} | limits)
