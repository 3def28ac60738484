# SPDX-License-Identifier: Apache-2.0
"""Leases from wish to end. Each step is in the ledger before it is taken at the source.

A command can be killed anywhere: the next one finds the order by its name and gives it back, or
keeps it when its server is up. What no command ever finds, the source ends by its own limit.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

import structlog

from offchain_workers.providers.base import PREFIX, Bid, OfferSource, Reach, Wish
from offchain_workers.providers.errors import (
    CreditError,
    KeyRefusedError,
    NoOfferError,
    NotUpError,
    OrderRefusedError,
    ProviderError,
    SourceUnavailableError,
    StillRunningError,
    UnknownLeaseError,
    UnknownSourceError,
)
from offchain_workers.providers.ledger import Ledger
from offchain_workers.providers.ready import Ready, is_ready
from offchain_workers.providers.tables import OVER, UNFINISHED, LeaseRow, State

log = structlog.get_logger(__name__)

# An order that the source did not confirm may appear this much later, in seconds.
_LATE = 900.0
_PAUSE = 3.0


class Leases:
    """``ledger`` is held by one process at a time: whatever is unfinished was left by a dead one.

    ``sources`` by name. ``pause``: seconds between looks. ``tell``: what happens, line by line.
    """

    def __init__(
        self,
        ledger: Ledger,
        sources: Mapping[str, OfferSource],
        ready: Ready = is_ready,
        pause: float = _PAUSE,
        tell: Callable[[str], None] = log.info,
    ) -> None:
        self.ledger = ledger
        self._sources = sources
        self._ready = ready
        self._pause = pause
        self._tell = tell

    # --- what is there --------------------------------------------------------------------------

    def strays(self, source: OfferSource) -> dict[str, str]:
        """Name to handle of orders that look like ours and are not in the ledger."""
        known = {row.name for row in self.ledger.all() if row.state not in OVER}
        return {name: at for name, at in source.live().items() if name not in known}

    def source(self, name: str) -> OfferSource:
        """Raises MN-PROV-010."""
        if name not in self._sources:
            known = ", ".join(sorted(self._sources)) or "none"
            raise UnknownSourceError(f"no offer source {name!r} is configured; there is: {known}")
        return self._sources[name]

    def sources(self) -> list[OfferSource]:
        """Those that are configured."""
        return list(self._sources.values())

    # --- from wish to server --------------------------------------------------------------------

    def lease(self, source: OfferSource, wish: Wish, bid_seconds: float, up_seconds: float) -> str:
        """The name of a lease whose server answers. Whatever goes wrong, it is given back first.

        Raises ProviderError.
        """
        name = f"{PREFIX}{secrets.token_hex(8)}"
        source.describe(wish, name)  # a wish that can't be ordered leaves no trace
        self.ledger.begin(name, source.name, wish)
        try:
            self._order(name, source, wish)
            self._take(name, source, wish, bid_seconds)
            self._await_up(name, source, up_seconds)
        except (ProviderError, KeyboardInterrupt):
            self._give_back(name)
            raise
        return name

    def _order(self, name: str, source: OfferSource, wish: Wish) -> None:
        try:
            handle = source.order(wish, name)
        except (OrderRefusedError, CreditError, KeyRefusedError) as error:
            self.ledger.set(name, state=State.FAILED, reason=error.message)
            raise
        self.ledger.set(name, state=State.ORDERED, handle=handle)
        self._tell(f"ordered {name}: {handle}")

    def _take(self, name: str, source: OfferSource, wish: Wish, seconds: float) -> None:
        """Accept the cheapest bid; where its provider is away, the next, and it again later."""
        handle = self.ledger.row(name).handle or ""
        refused: set[str] = set()

        def take() -> bool:
            for bid in source.bids(handle, wish):
                if bid.provider in refused:
                    continue
                try:
                    if self._accepted(name, source, handle, bid):
                        return True
                except OrderRefusedError:
                    refused.add(bid.provider)
            return False

        if not self._until(seconds, take):
            raise NoOfferError(f"no bid that fits within {seconds:.0f} s; nothing was leased")

    def _accepted(self, name: str, source: OfferSource, handle: str, bid: Bid) -> bool:
        self.ledger.set(name, state=State.LEASED, provider=bid.provider, price=bid.price)
        try:
            source.accept(handle, bid)
        except (OrderRefusedError, SourceUnavailableError) as error:
            # It may have been accepted nevertheless: two providers must never be paid.
            if source.reach(handle).leased:
                return True
            self._tell(f"{bid.provider} did not take the lease: {error.message}")
            if isinstance(error, OrderRefusedError):
                raise
            return False
        self._tell(f"leased {name} from {bid.provider}")
        return True

    def _await_up(self, name: str, source: OfferSource, seconds: float) -> None:
        handle = self.ledger.row(name).handle or ""

        def up() -> bool:
            found = source.reach(handle)
            if not found.leased:
                raise NotUpError("the provider ended the lease")
            if found.url is None or not self._ready(found.url):
                return False
            self.ledger.set(name, state=State.UP, url=found.url)
            self._tell(f"{name} is up at {found.url}")
            return True

        if not self._until(seconds, up):
            raise NotUpError(f"its server did not answer within {seconds:.0f} s")

    def _until(self, seconds: float, look: Callable[[], bool]) -> bool:
        """Look now and then; a source that is away for a moment changes nothing."""
        end = time.monotonic() + seconds
        while True:
            try:
                if look():
                    return True
            except SourceUnavailableError as error:
                self._tell(error.message)
            if time.monotonic() >= end:
                return False
            time.sleep(self._pause)

    # --- giving back ----------------------------------------------------------------------------

    def release(self, name: str) -> None:
        """Close the order of this name, or of this handle, whether the ledger has it or not.

        Raises MN-PROV-009 for one that nobody knows, MN-PROV-011 when the source does not confirm.
        """
        rows = [row for row in self.ledger.all() if name in (row.name, row.handle)]
        for row in rows:
            if row.state not in OVER:
                self._close(row)
                return
        for source in self._sources.values():
            for stray, handle in source.live().items():
                if name in (stray, handle):
                    source.release(handle)
                    return
        if not rows:
            raise UnknownLeaseError(f"no lease {name!r}, here or at a source")

    def settle(self) -> list[str]:
        """Finish what commands that died left behind; the names that could not be finished."""
        left = []
        for row in self.ledger.all():
            try:
                if row.state in UNFINISHED:
                    self._finish(row)
                elif row.state == State.UP:
                    self._look(row)
            except ProviderError as error:
                self._tell(f"{row.name} is not settled: {error}")
                left.append(row.name)
        return left

    def _finish(self, row: LeaseRow) -> None:
        if row.handle is None:
            handle = self.source(row.source).live().get(row.name)
            if handle is None and time.time() < row.created_at + _LATE:
                return  # it may still appear
            if handle is None:
                self.ledger.set(row.name, state=State.FAILED, reason="the order never appeared")
                return
            self.ledger.set(row.name, handle=handle)
            row = self.ledger.row(row.name)
        elif row.state == State.LEASED:
            found = self.source(row.source).reach(row.handle)
            if found.url is not None and self._ready(found.url):
                self.ledger.set(row.name, state=State.UP, url=found.url)
                return
        self._close(row)

    def _look(self, row: LeaseRow) -> None:
        """A lease that the source has ended."""
        found: Reach = self.source(row.source).reach(row.handle or "")
        if not found.leased:
            self._close(row, "the source ended it")

    def _give_back(self, name: str) -> None:
        """After a failure; its own failure must not hide that the machine may still run."""
        row = self.ledger.row(name)
        if row.state == State.FAILED:
            return
        try:
            if row.handle is None:
                self._finish(row)
            else:
                self._close(row)
        except ProviderError as error:
            line = f"{name} may still cost money; `fusion provider release {name}`: {error}"
            raise StillRunningError(line) from error

    def _close(self, row: LeaseRow, reason: str = "given back") -> None:
        self.ledger.set(row.name, state=State.RELEASING)
        source = self.source(row.source)
        source.release(row.handle or "")
        if source.reach(row.handle or "").open and row.source != "static":
            raise StillRunningError(f"{row.source} still has {row.name} open after closing it")
        self.ledger.set(row.name, state=State.RELEASED, reason=reason)
        self._tell(f"released {row.name}")
