# SPDX-License-Identifier: Apache-2.0
"""Hard limits: what speaks against a model under a method, and against an offer."""

from __future__ import annotations

from collections.abc import Iterator

from offchain_workers.chain.contracts import Tier
from offchain_workers.routing.market import Carriage, MarketMethod, MarketModel, MarketOffer
from offchain_workers.routing.record import Reason
from offchain_workers.routing.request import RouteRequest

_DECIDED_BY_FILES = ("zkml",)
# A stranger's file may say more than a record can hold.
_MOST_MS = 2**53 - 1


def latency_ms(request: RouteRequest, model: MarketModel, carriage: Carriage | None) -> int | None:
    """Until the answer is verified, or there, as wished. None: nothing is published."""
    if carriage is None or model.infer_ms is None:
        return None
    added = carriage.first_ms if request.first_answer else carriage.delay_ms
    return min(model.infer_ms + added, _MOST_MS)


def class_reasons(
    request: RouteRequest,
    development: bool,
    model: MarketModel,
    quality: int | None,
    method: MarketMethod,
) -> tuple[Reason, ...]:
    """All that speaks against a model under a method, in a fixed order; its offers aside."""
    if model.problem is not None:
        return (Reason.CARD,)
    found = [*_wanted(request, model), *_carried(request, model, method)]
    if request.wants_privacy and not method.private:
        found.append(Reason.PRIVACY)
    found += _measured(request, model, quality, model.carriage.get(method.name))
    if not _vouched(request, development, model, method):
        found.append(Reason.ATTESTATION)
    return tuple(found)


def _wanted(request: RouteRequest, model: MarketModel) -> Iterator[Reason]:
    if request.task is not None and request.task != model.task:
        yield Reason.TASK
    if request.model is not None and request.model != "0x" + model.model_id.hex():
        yield Reason.MODEL
    if request.codec not in (None, model.codec) or request.item_bytes not in (
        None,
        model.item_bytes,
    ):
        yield Reason.SIGNATURE


def _carried(request: RouteRequest, model: MarketModel, method: MarketMethod) -> Iterator[Reason]:
    if not method.open or (request.methods and method.name not in request.methods):
        yield Reason.METHOD
    carriage = model.carriage.get(method.name)
    if carriage is None:
        yield Reason.ARTIFACT
    elif carriage.refusal is not None or request.items > min(method.max_n, model.max_items):
        yield Reason.SIZE


def _measured(
    request: RouteRequest, model: MarketModel, quality: int | None, carriage: Carriage | None
) -> Iterator[Reason]:
    latency = latency_ms(request, model, carriage)
    cap = request.max_latency_ms
    if cap is not None and carriage is not None and (latency is None or latency > cap):
        yield Reason.LATENCY
    if (quality or 0) < request.min_quality_bp:
        yield Reason.QUALITY


def _vouched(
    request: RouteRequest, development: bool, model: MarketModel, method: MarketMethod
) -> bool:
    # On chain the program decides alone, whatever its publisher made it to prove.
    bound = method.name in _DECIDED_BY_FILES and not development
    if bound and not any(who != model.publisher for who in model.attesters):
        return False
    wanted = request.attestations
    if wanted is None:
        wanted = 0 if development and not request.attesters else 1
    named = {address.lower() for address in request.attesters}
    count = sum(
        who.lower() in named if named else who != model.publisher for who in model.attesters
    )
    return count >= wanted


class OfferLimits:
    """What a request says about offers, made ready for many of them."""

    def __init__(self, request: RouteRequest) -> None:
        self._tiers = {int(Tier[label.upper()]) for label in request.tiers} or set(map(int, Tier))
        self._region = request.region
        cap = request.max_price
        self._cap = 2**96 if cap is None else cap
        # A spec's price is a power of two: one above the cap would admit dearer offers.
        self._band_cap = 2**96 if cap is None else 1 << (cap.bit_length() - 1)

    def reasons(self, offer: MarketOffer) -> tuple[Reason, ...]:
        """All that speaks against an offer, in a fixed order."""
        found: tuple[Reason, ...] = ()
        if offer.tier not in self._tiers:
            found += (Reason.TIER,)
        if self._region not in (0, offer.region):
            found += (Reason.REGION,)
        if offer.price > self._band_cap:
            found += (Reason.PRICE if offer.price > self._cap else Reason.BAND,)
        return found
