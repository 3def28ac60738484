# SPDX-License-Identifier: Apache-2.0
"""Make a decision again from chain data, and name everything in which a record differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from offchain_workers.routing.faults import Fault, Mismatch, Pair, differing
from offchain_workers.routing.market import Market
from offchain_workers.routing.planning import plan
from offchain_workers.routing.record import (
    ROUTER,
    ClassRow,
    DecisionRecord,
    OfferRow,
    Reason,
    raw,
)
from offchain_workers.routing.request import RouteRequest

K = TypeVar("K")
R = TypeVar("R")


def mismatches(
    stated: DecisionRecord, market: Market, request: RouteRequest | None = None
) -> list[Mismatch]:
    """All of them; none when the decision is what the rules make of the wish and the market.

    ``market``: the snapshot of ``stated.place.block``; ``request``: the requester's own copy of the
    wish, where it has one.
    """
    made = plan(stated.request, market, nonce=raw(stated.nonce))
    found = [*_head(stated, made, request), *_classes(stated, made), *_offers(stated, made)]
    found += _choice(stated, made)
    if not found and stated.canonical() != made.canonical():
        found.append(Mismatch(Fault.FORM, "record", stated.cid, made.cid))
    return sorted(found, key=lambda one: (list(Fault).index(one.fault), one.where))


def _head(
    stated: DecisionRecord, made: DecisionRecord, request: RouteRequest | None
) -> Iterator[Mismatch]:
    yield from differing("record", [(Fault.VERSION, stated.router, ROUTER)])
    if request is not None:
        yield from _fields("request", Fault.REQUEST, stated.request, request)
    yield from _fields("place", Fault.BLOCK, stated.place, made.place)
    yield from _fields("weights", Fault.WEIGHTS, stated.weights, made.weights)
    yield from _fields("scales", Fault.WEIGHTS, stated.scales, made.scales)
    yield from differing(
        "record",
        [
            (Fault.SEED, stated.seed, made.seed),
            (Fault.REQUEST, stated.token, made.token),
        ],
    )


def _fields(where: str, fault: Fault, stated: Any, found: Any) -> Iterator[Mismatch]:
    for name in type(found).model_fields:
        pair: Pair = (fault, getattr(stated, name), getattr(found, name))
        yield from differing(f"{where}.{name}", [pair])


# --- rows -------------------------------------------------------------------------------------

ClassKey = tuple[str, str]
OfferKey = tuple[str, str, str, int, int]


def _class_key(row: ClassRow) -> ClassKey:
    return (row.model, row.method)


def _offer_key(record: DecisionRecord, row: OfferRow) -> OfferKey:
    return (*_class_key(record.classes[row.of]), row.operator, row.tier, row.seat)


def _classes(stated: DecisionRecord, made: DecisionRecord) -> Iterator[Mismatch]:
    ours = {_class_key(row): row for row in made.classes}
    theirs = {_class_key(row): row for row in stated.classes}
    yield from _sets(theirs, ours, Fault.INVENTED_MODEL, Fault.HIDDEN_MODEL, _class_name)
    for key in theirs.keys() & ours.keys():
        row, right = theirs[key], ours[key]
        where = _class_name(right)
        yield from differing(
            where,
            [
                (Fault.MODEL_FACT, (row.name, row.selector), (right.name, right.selector)),
                (Fault.MODEL_FACT, row.artifact, right.artifact),
                (Fault.WRONG_QUALITY, row.quality, right.quality),
                (Fault.WRONG_LATENCY, row.latency_ms, right.latency_ms),
                (Fault.WRONG_SECURITY, row.security, right.security),
                (Fault.WRONG_SPEC, (row.fitting, row.rung), (right.fitting, right.rung)),
                (Fault.WRONG_SPEC, row.spec, right.spec),
                (Fault.WRONG_SCORE, row.utility, right.utility),
                (Fault.ORDER, _named(stated, row.best), _named(made, right.best)),
            ],
        )
        yield from _reasons(where, row.reasons, right.reasons)


def _offers(stated: DecisionRecord, made: DecisionRecord) -> Iterator[Mismatch]:
    ours = {_offer_key(made, row): row for row in made.offers}
    theirs = {_offer_key(stated, row): row for row in stated.offers}

    def name(row: OfferRow) -> str:
        return f"{row.operator}, seat {row.seat} of tier {row.tier}"

    yield from _sets(theirs, ours, Fault.INVENTED_OFFER, Fault.HIDDEN_OFFER, name)
    for key in theirs.keys() & ours.keys():
        row, right = theirs[key], ours[key]
        where = f"{name(right)}, {_class_name(made.classes[right.of])}"
        yield from differing(
            where,
            [
                (Fault.WRONG_PRICE, row.price, right.price),
                (Fault.OFFER_FACT, (row.region, row.weight), (right.region, right.weight)),
                (Fault.WRONG_SCORE, (row.cost, row.utility), (right.cost, right.utility)),
            ],
        )
        yield from _reasons(where, row.reasons, right.reasons)


def _sets(
    theirs: Mapping[K, R],
    ours: Mapping[K, R],
    invented: Fault,
    hidden: Fault,
    name: Callable[[R], str],
) -> Iterator[Mismatch]:
    for key in theirs.keys() - ours.keys():
        yield Mismatch(invented, name(theirs[key]), "there", "not there")
    for key in ours.keys() - theirs.keys():
        yield Mismatch(hidden, name(ours[key]), "not there", "there")


def _reasons(where: str, stated: Sequence[Reason], found: Sequence[Reason]) -> Iterator[Mismatch]:
    for reason in set(found) - set(stated):
        yield Mismatch(Fault.OMITTED_REASON, where, "", reason)
    for reason in set(stated) - set(found):
        yield Mismatch(Fault.INVENTED_REASON, where, reason, "")


def _choice(stated: DecisionRecord, made: DecisionRecord) -> Iterator[Mismatch]:
    ranked = [[_class_key(r.classes[i]) for i in r.ranking] for r in (stated, made)]
    yield from differing("ranking", [(Fault.ORDER, ranked[0], ranked[1])])
    theirs, ours = stated.choice, made.choice
    if theirs is None or ours is None:
        yield from differing("choice", [(Fault.CHOICE, theirs, ours)])
        return
    keys = [_class_key(r.classes[c.of]) for r, c in ((stated, theirs), (made, ours))]
    yield from differing(
        "choice",
        [
            (Fault.CHOICE, keys[0], keys[1]),
            (Fault.CHOICE, theirs.spec_id, ours.spec_id),
            (Fault.CHOICE, theirs.price_cap, ours.price_cap),
            (Fault.SUBNET, theirs.subnet, ours.subnet),
            (Fault.ORDER, _named(stated, theirs.backups), _named(made, ours.backups)),
        ],
    )


def _named(record: DecisionRecord, indices: Sequence[int]) -> list[OfferKey]:
    return [_offer_key(record, record.offers[i]) for i in indices]


def _class_name(row: ClassRow) -> str:
    return f"{row.name or row.model} under {row.method}"
