# SPDX-License-Identifier: Apache-2.0
"""The port that every source of leased machines has. Money is in micro-dollars (USD x 10**6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Protocol

from offchain_workers.providers.errors import WishInvalidError

# Names of our orders at a source begin so; what begins so and is not in the ledger is a stray.
PREFIX = "fusion-"
_DOLLAR = 10**6


@dataclass(frozen=True)
class Wish:
    """A container with an OIP server, and a machine for it.

    ``gpu``: a model's name as the source writes it, such as ``rtx4090``; empty for none or any.
    ``memory`` and ``disk`` in GiB; ``hours``: after these the source itself ends the lease.
    ``max_price``: micro-dollars per hour.
    """

    image: str = ""
    gpu: str = ""
    gpus: int = 0
    cpus: int = 4
    memory: int = 16
    disk: int = 40
    port: int = 8000
    hours: int = 1
    max_price: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """What a source has, before anything is ordered. ``price``: micro-dollars per hour; None when
    only a bid will tell. ``free``: units; None when unknown."""

    what: str
    price: int | None
    free: int | None
    where: str = ""


@dataclass(frozen=True)
class Bid:
    """An answer to an order. ``price``: micro-dollars per hour; ``key``: the source's own."""

    provider: str
    price: int
    key: Mapping[str, str | int]


@dataclass(frozen=True)
class Reach:
    """``open``: the order exists and is not closed. ``leased``: it costs money. ``url``: of the
    OIP server, once the source knows it."""

    open: bool
    leased: bool
    url: str | None = None


class OfferSource(Protocol):
    """``handle`` is the source's own name of an order. All raise ProviderError."""

    name: str

    def search(self, wish: Wish) -> list[Offer]:
        """What is there, cheapest first; costs nothing and orders nothing."""

    def describe(self, wish: Wish, name: str) -> Mapping[str, object]:
        """What ``order`` would send: for a dry run."""

    def order(self, wish: Wish, name: str) -> str:
        """Ask for bids under ``name``, which must be new; returns the handle. Bids cost nothing."""

    def bids(self, handle: str, wish: Wish) -> list[Bid]:
        """Those that fulfil the wish at its price, cheapest first."""

    def accept(self, handle: str, bid: Bid) -> None:
        """From here on it costs money."""

    def reach(self, handle: str) -> Reach:
        """How an order is."""

    def release(self, handle: str) -> None:
        """End it, whatever it is; done again, it does nothing."""

    def live(self) -> dict[str, str]:
        """Name to handle of every open order whose name begins with PREFIX."""


def dollars(text: str) -> int:
    """``0.35`` as micro-dollars. Raises WishInvalidError."""
    try:
        amount = Decimal(text) * _DOLLAR
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 < amount < 10**12 or amount != int(amount):
        raise WishInvalidError(f"{text[:40]!r} is not a price in dollars per hour, such as 0.35")
    return int(amount)


def shown(price: int | None) -> str | None:
    """Micro-dollars as people read them."""
    return None if price is None else f"${Decimal(price) / _DOLLAR:.4f}/h"
