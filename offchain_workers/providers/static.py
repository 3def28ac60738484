# SPDX-License-Identifier: Apache-2.0
"""Endpoints that were leased elsewhere, by hand: their URLs stand in the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from offchain_workers.providers.base import Bid, Offer, Reach, Wish
from offchain_workers.providers.ready import Ready


class StaticSource:
    """See ``OfferSource``. Orders exist only here: nothing is paid, nothing can be left running."""

    name = "static"

    def __init__(self, urls: Sequence[str], ready: Ready) -> None:
        self._urls = tuple(urls)
        self._ready = ready

    def search(self, wish: Wish) -> list[Offer]:
        return [Offer("endpoint", None, int(self._ready(url)), url) for url in self._urls]

    def describe(self, wish: Wish, name: str) -> Mapping[str, object]:
        return {"name": name, "urls": list(self._urls)}

    def order(self, wish: Wish, name: str) -> str:
        """The first that answers, else the first."""
        answering = [url for url in self._urls if self._ready(url)]
        return next(iter((*answering, *self._urls)), "")

    def bids(self, handle: str, wish: Wish) -> list[Bid]:
        return [Bid(handle, 0, {})] if handle in self._urls else []

    def accept(self, handle: str, bid: Bid) -> None:
        """Nothing to do."""

    def reach(self, handle: str) -> Reach:
        known = handle in self._urls
        return Reach(known, known, handle if known else None)

    def release(self, handle: str) -> None:
        """Nothing to do."""

    def live(self) -> dict[str, str]:
        return {}
