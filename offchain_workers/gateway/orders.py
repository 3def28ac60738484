# SPDX-License-Identifier: Apache-2.0
"""What is to be posted for whom, before it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from offchain_workers.chain.contracts import Spec
from offchain_workers.gateway.callers import Caller
from offchain_workers.models.card import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.requester.posting import Wish
from offchain_workers.routing.record import DecisionRecord


@dataclass(frozen=True)
class Order:
    """A model under a method on a subnet of ``spec``. ``wish.max_price`` is not used: ``price`` is
    the most wei that one item may cost, None for what the subnet's dearest member asks. ``record``:
    the decision that chose all this; each job gets a copy with a nonce of its own."""

    model: PublishedModel
    card: ModelCard
    spec: Spec
    wish: Wish
    price: int | None = None
    record: DecisionRecord | None = None

    @property
    def selector(self) -> bytes:
        return self.spec.selector


@dataclass(frozen=True)
class Share:
    """One caller's items in a job. ``reservation`` is what the purse holds for them; ``digest`` of
    the request that ``idempotency`` stands for; ``extra`` is kept beside the row."""

    caller: Caller
    items: list[bytes]
    digest: bytes
    reservation: int = 0
    idempotency: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
