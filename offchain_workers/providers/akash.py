# SPDX-License-Identifier: Apache-2.0
"""Offers of Akash, through its Console API: an order is a deployment, bids come from providers.

Never run against the live service. What is not wanted to cost money is closed by name, and each
deployment has a runtime limit, after which the console itself closes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from offchain_workers.providers.base import PREFIX, Bid, Offer, Reach, Wish
from offchain_workers.providers.console_api import ConsoleApi
from offchain_workers.providers.console_schema import BidBody, GpuModel
from offchain_workers.providers.errors import SourceUnavailableError, WishInvalidError

# Bids are per block. Blocks take about 6.1 s; counted shorter, an hour never costs more than said.
_BLOCKS_PER_HOUR = 600
# Compute credits, pegged to the dollar; one uact is a micro-dollar.
_DENOM = "uact"
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII)
_SERVICE = "node"
_GROUP = "anywhere"
_MAX_HOURS = 48


class AkashSource:
    """See ``OfferSource``."""

    name = "akash"

    def __init__(self, api: ConsoleApi) -> None:
        self._api = api

    def search(self, wish: Wish) -> list[Offer]:
        """The market's own table of GPU prices: what was leased lately, not what will be bid."""
        offers = [_offer(model) for model in self._api.gpu_prices() if _fits(model, wish)]
        return sorted(offers, key=lambda offer: (offer.price is None, offer.price, offer.what))

    def describe(self, wish: Wish, name: str) -> Mapping[str, object]:
        return {"name": name, "runtimeLimitHours": wish.hours, "sdl": sdl(wish)}

    def order(self, wish: Wish, name: str) -> str:
        document = json.dumps(sdl(wish))
        try:
            return self._api.create(document, name, wish.hours)
        except SourceUnavailableError:
            # It may have been created nevertheless.
            found = self.live().get(name)
            if found is None:
                raise
            return found

    def bids(self, handle: str, wish: Wish) -> list[Bid]:
        told = (_bid(bid) for bid in self._api.bids(handle) if _open(bid) and _has(bid, wish))
        fitting = [bid for bid in told if bid is not None and bid.price <= wish.max_price]
        return sorted(fitting, key=lambda bid: (bid.price, bid.provider))

    def accept(self, handle: str, bid: Bid) -> None:
        self._api.lease(dict(bid.key))

    def reach(self, handle: str) -> Reach:
        found = self._api.deployment(handle)
        if found is None or found.deployment.state != "active":
            return Reach(False, False)
        leases = [lease for lease in found.leases if lease.state == "active"]
        services = [lease.status.services for lease in leases if lease.status is not None]
        uris = [uri for at in services if _SERVICE in at for uri in at[_SERVICE].uris or ()]
        return Reach(True, bool(leases), _url(uris[0]) if uris else None)

    def release(self, handle: str) -> None:
        self._api.close_deployment(handle)

    def live(self) -> dict[str, str]:
        return {
            found.name: found.deployment.id.dseq
            for found in self._api.active()
            if found.name is not None and found.name.startswith(PREFIX)
        }


def sdl(wish: Wish) -> dict[str, Any]:
    """The deployment's description; JSON is YAML. The price per block is its upper bound on chain.

    Raises WishInvalidError.
    """
    if not wish.image or any(mark in wish.image for mark in " \n\t"):
        raise WishInvalidError("name the container image of an OIP server")
    if not 1 <= wish.hours <= _MAX_HOURS:
        raise WishInvalidError(f"a lease is for 1 to {_MAX_HOURS} hours, not {wish.hours}")
    per_block = wish.max_price // _BLOCKS_PER_HOUR
    if per_block < 1:
        raise WishInvalidError("the price is below the least that can be bid")
    return {
        "version": "2.0",
        "services": {_SERVICE: _service(wish)},
        "profiles": {
            "compute": {_SERVICE: {"resources": _resources(wish)}},
            "placement": {_GROUP: {"pricing": {_SERVICE: {"denom": _DENOM, "amount": per_block}}}},
        },
        "deployment": {_SERVICE: {_GROUP: {"profile": _SERVICE, "count": 1}}},
    }


def _service(wish: Wish) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": wish.image,
        "expose": [{"port": wish.port, "as": 80, "to": [{"global": True}]}],
    }
    if wish.env:
        service["env"] = [f"{name}={value}" for name, value in wish.env.items()]
    if wish.command:
        service["command"] = list(wish.command)
    return service


def _resources(wish: Wish) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "cpu": {"units": wish.cpus},
        "memory": {"size": f"{wish.memory}Gi"},
        "storage": [{"size": f"{wish.disk}Gi"}],
    }
    if wish.gpus:
        models = [{"model": wish.gpu}] if wish.gpu else []
        resources["gpu"] = {"units": wish.gpus, "attributes": {"vendor": {"nvidia": models}}}
    return resources


def _fits(model: GpuModel, wish: Wish) -> bool:
    return not wish.gpu or model.model == wish.gpu


def _offer(model: GpuModel) -> Offer:
    what = f"{model.vendor}/{model.model} {model.ram} {model.interface}"
    known = model.price is not None and model.price.currency == "USD"
    price = round(model.price.min * 10**6) if known and model.price else None
    return Offer(what, price, model.availability.available)


def _open(bid: BidBody) -> bool:
    return bid.state == "open" and bid.price.denom == _DENOM


def _has(bid: BidBody, wish: Wish) -> bool:
    """Whether the provider commits to the GPUs that were asked for."""
    if not wish.gpus:
        return True
    offered = [offer.resources.gpu for offer in bid.resources_offer]
    wanted = f"/model/{wish.gpu}"
    return any(
        gpu.units.val.isdecimal()
        and int(gpu.units.val) >= wish.gpus
        and (not wish.gpu or any(f"{at.key}/".find(f"{wanted}/") >= 0 for at in gpu.attributes))
        for gpu in offered
    )


def _bid(bid: BidBody) -> Bid | None:
    """None for a price that is none: it must not keep the others from being taken."""
    if _AMOUNT.fullmatch(bid.price.amount) is None:
        return None
    hourly = Decimal(bid.price.amount) * _BLOCKS_PER_HOUR
    price = int(hourly.to_integral_value(ROUND_CEILING))
    return Bid(bid.id.provider, price, bid.id.model_dump()) if price > 0 else None


def _url(uri: str) -> str:
    """Providers name hosts; their ingress speaks HTTP."""
    return uri.rstrip("/") if uri.startswith(("http://", "https://")) else f"http://{uri}"
