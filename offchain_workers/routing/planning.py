# SPDX-License-Identifier: Apache-2.0
"""The model router: from a wish and a snapshot of the market to a decision anyone can repeat.

Pure integers over what is given: no clock, no health, no randomness but the nonce, which decides
nothing. An offer's utility depends on the request and on that offer alone, so that others can't
reorder it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import groupby

from eth_utils.crypto import keccak

from offchain_workers.chain.contracts import Spec, Tier
from offchain_workers.routing.constraints import OfferLimits, class_reasons, latency_ms
from offchain_workers.routing.errors import InvalidTableError
from offchain_workers.routing.market import Market, MarketMethod, MarketModel, MarketOffer
from offchain_workers.routing.record import (
    ROUTER,
    Choice,
    ClassRow,
    DecisionRecord,
    OfferRow,
    PlaceRow,
    Reason,
    Scales,
    SpecRow,
    band_of,
    raw,
)
from offchain_workers.routing.request import (
    BPS,
    REFERENCE_LATENCY_MS,
    REFERENCE_PRICE,
    RouteRequest,
)

BACKUPS = 8
ALL_TIERS = 0b111
# Of candidates without offers. Models cost their publisher next to nothing: strangers could else
# make every record too large to read. An offer takes stake.
MAX_UNOFFERED = 256


def plan(request: RouteRequest, market: Market, nonce: bytes | None = None) -> DecisionRecord:
    """The decision, which may be that nothing fits. ``nonce``: 32 bytes, drawn when None.

    Raises InvalidTableError when the figures that the request names are not the market's.
    """
    return _Plan(request, market).record(secrets.token_bytes(32) if nonce is None else nonce)


class _Plan:
    def __init__(self, request: RouteRequest, market: Market) -> None:
        self._request, self._market = request, market
        self._weights = request.weighting
        self._scales = Scales(
            price=request.max_price or REFERENCE_PRICE,
            latency_ms=request.max_latency_ms or REFERENCE_LATENCY_MS,
        )
        self._figures = _figures(request, market)
        self._seed = keccak(market.place.block_hash + request.hash())

    def record(self, nonce: bytes) -> DecisionRecord:
        market, place = self._market, self._market.place
        classes, offers = self._rows()
        ranking = self._ranking(classes)
        return DecisionRecord.model_construct(
            schema_="decision@1",
            router=ROUTER,
            request=self._request,
            place=PlaceRow(
                chain_id=place.chain_id,
                market=place.market,
                block=place.block,
                block_hash=_hex(place.block_hash),
                timestamp=place.timestamp,
                epoch=place.epoch,
                development=place.development,
            ),
            token=market.token,
            seed=_hex(self._seed),
            nonce=_hex(nonce),
            weights=self._weights,
            scales=self._scales,
            classes=tuple(classes),
            offers=tuple(offers),
            ranking=tuple(ranking),
            choice=self._choice(ranking[0], classes, offers) if ranking else None,
        )

    def _rows(self) -> tuple[list[ClassRow], list[OfferRow]]:
        """Classes by model id and method, so many of those without offers; the offers of each,
        except of other tasks and models."""
        by_class: dict[tuple[bytes, str], list[MarketOffer]] = {}
        for offer in sorted(self._market.offers, key=lambda offer: offer.ident):
            by_class.setdefault((offer.model_id, offer.method), []).append(offer)
        limits = OfferLimits(self._request)
        classes: list[ClassRow] = []
        rows: list[OfferRow] = []
        unoffered = 0
        for model in sorted(self._market.models, key=lambda model: model.model_id):
            for method in sorted(self._market.methods, key=lambda method: method.name):
                offers = by_class.get((model.model_id, method.name), [])
                unoffered += not offers
                if not offers and unoffered > MAX_UNOFFERED:
                    continue
                row = self._class(model, method)
                if row.was_asked_for:
                    start = len(rows)
                    rows += [self._offer(len(classes), row, each, limits) for each in offers]
                    row = self._completed(row, rows, start)
                classes.append(row)
        return classes, rows

    def _class(self, model: MarketModel, method: MarketMethod) -> ClassRow:
        request, carriage = self._request, model.carriage.get(method.name)
        quality = self._quality(model)
        development = self._market.place.development
        return ClassRow.model_construct(
            model=_hex(model.model_id),
            name=model.name,
            method=method.name,
            selector=_hex(method.selector),
            artifact=None if carriage is None else _hex(carriage.artifact_id),
            quality=quality,
            latency_ms=latency_ms(request, model, carriage),
            security=request.security.get(method.name, method.security_bp),
            reasons=class_reasons(request, development, model, quality, method),
        )

    def _quality(self, model: MarketModel) -> int | None:
        return self._figures.get(model.model_id, model.quality_bp)

    def _offer(self, of: int, row: ClassRow, offer: MarketOffer, limits: OfferLimits) -> OfferRow:
        reasons = limits.reasons(offer)
        cost = utility = None
        if not reasons and not row.reasons:
            cost = self._cost(offer.price)
            utility = self._utility(row, cost)
        return OfferRow.model_construct(
            of=of,
            operator=offer.operator,
            tier=offer.tier,
            seat=offer.seat,
            price=offer.price,
            region=offer.region,
            weight=offer.weight,
            reasons=reasons,
            cost=cost,
            utility=utility,
        )

    def _cost(self, price: int) -> int:
        """10,000 for nothing, 0 for the scale or more."""
        part = max(0, BPS - BPS * price // self._scales.price)
        return part if self._weights.cost_power == 1 else part * part // BPS

    def _utility(self, row: ClassRow, cost: int) -> int:
        weights, latency = self._weights, 0
        if row.latency_ms is not None:
            latency = max(0, BPS - BPS * row.latency_ms // self._scales.latency_ms)
        points = weights.quality * (row.quality or 0) + weights.cost * cost
        return (points + weights.latency * latency + weights.security * row.security) // (
            weights.total
        )

    def _completed(self, row: ClassRow, rows: Sequence[OfferRow], start: int) -> ClassRow:
        """With what its offers make of it: the first of the request's tiers that suffice."""
        if row.reasons:
            return row
        fitting = [i for i in range(start, len(rows)) if rows[i].utility is not None]
        k = self._request.members
        for rung, mask in enumerate(self._masks()):
            within = [i for i in fitting if mask >> rows[i].tier & 1]
            if len(within) >= k:
                best = self._best_first(within, rows)[:k]
                last = rows[best[-1]]
                spec = SpecRow.model_construct(
                    tiers=mask,
                    region=self._request.region,
                    band=max(band_of(rows[i].price) for i in best),
                    k=k,
                )
                update = {
                    "fitting": len(within),
                    "rung": rung,
                    "spec": spec,
                    "best": tuple(best),
                    "utility": last.utility,
                }
                return row.model_copy(update=update)
        return row.model_copy(update={"fitting": len(fitting), "reasons": (Reason.MEMBERS,)})

    def _masks(self) -> list[int]:
        """Tiers to draw from, as bit masks: the first wish alone, then one more at a time."""
        masks, mask = [], 0
        for label in self._request.tiers:
            mask |= 1 << Tier[label.upper()]
            masks.append(mask)
        return masks or [ALL_TIERS]

    def _best_first(self, indices: Sequence[int], rows: Sequence[OfferRow]) -> list[int]:
        """By utility, then price; of equal ones the draw by the seed decides."""

        def merit(i: int) -> tuple[int, int]:
            return (-(rows[i].utility or 0), rows[i].price)

        ordered: list[int] = []
        for _, equal in groupby(sorted(indices, key=merit), key=merit):
            same = list(equal)
            ordered += same if len(same) == 1 else sorted(same, key=lambda i: self._tie(rows[i]))
        return ordered

    def _tie(self, offer: OfferRow) -> bytes:
        return keccak(self._seed + raw(offer.operator) + bytes([offer.tier, offer.seat]))

    def _ranking(self, classes: Sequence[ClassRow]) -> list[int]:
        """The user's tiers first, then utility; of equal ones the draw by the seed decides."""

        def merit(i: int) -> tuple[int, int, bytes]:
            row = classes[i]
            tie = keccak(self._seed + raw(row.model) + raw(row.selector))
            return (row.rung or 0, -(row.utility or 0), tie)

        return sorted((i for i, row in enumerate(classes) if row.spec is not None), key=merit)

    def _choice(self, of: int, classes: Sequence[ClassRow], offers: Sequence[OfferRow]) -> Choice:
        row = classes[of]
        assert row.spec is not None  # of every class in the ranking
        mask, band = row.spec.tiers, row.spec.band
        drawn = [
            i
            for i, offer in enumerate(offers)
            if offer.of == of and offer.utility is not None and mask >> offer.tier & 1
        ]
        rest = [i for i in self._best_first(drawn, offers) if i not in row.best]
        admitted = [offers[i].price for i in drawn if offers[i].price <= 1 << band]
        spec = Spec(
            raw(row.model), raw(row.selector), self._market.token, mask, row.spec.region, band,
            row.spec.k,
        )  # fmt: skip
        subnet = self._market.subnets.get(spec.spec_id)
        return Choice.model_construct(
            of=of,
            backups=tuple(rest[:BACKUPS]),
            spec_id=_hex(spec.spec_id),
            subnet=None if subnet is None else _hex(subnet),
            price_cap=max(admitted),
        )


def _figures(request: RouteRequest, market: Market) -> Mapping[bytes, int]:
    """Of the table that the request names: nobody else may bring one."""
    if request.quality_table is None:
        return {}
    table = market.quality
    if table is None or _hex(table.hash()) != request.quality_table:
        raise InvalidTableError(f"the table {request.quality_table} is not at hand")
    if table.epoch != market.place.epoch:
        raise InvalidTableError(f"a table for epoch {table.epoch}, not {market.place.epoch}")
    return table.figures


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
