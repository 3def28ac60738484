# SPDX-License-Identifier: Apache-2.0
"""Claims in which an auditor has something to do still: its audits, and games of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.audits import OpmlAudits
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past

_ENDED = 3


class Key(NamedTuple):
    """A claim by its job and its word."""

    job_id: bytes
    word: int


class Unfinished:
    """Says where to look, not what to do: entries too many do no harm."""

    def __init__(
        self, network: Network, verifier: OpmlVerifier, audits: OpmlAudits, me: str
    ) -> None:
        self._verifier, self._audits, self._me = verifier, audits, me
        self._games = Past(verifier, network.start_block)
        self._draws = Past(audits, network.start_block)
        self._keys: set[Key] = set()
        self._lock = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def jobs(self) -> Collection[bytes]:
        with self._lock:
            return {key.job_id for key in self._keys}

    def words(self, job_id: bytes) -> set[int]:
        with self._lock:
            return {key.word for key in self._keys if key.job_id == job_id}

    def add(self, key: Key) -> None:
        with self._lock:
            self._keys.add(key)

    def review(self, key: Key) -> None:
        """Forget a claim in which all is done."""
        if not self._matters(key):
            with self._lock:
                self._keys.discard(key)

    def recover(self) -> None:
        """From our events; of a few claims more the contracts are asked. Raises FusionError."""
        head, me = self._verifier.w3.eth.block_number, bytes.fromhex(self._me[2:])
        draws = self._draws.newest_first(("Drawn", "Ended"), None, head, me)
        games = self._games.newest_first(("Opened", "GameClosed"), None, head, me)
        for key in [*_last(draws, _is_over), *_last(games, _is_lost)]:
            if self._matters(key):
                self.add(key)

    def _matters(self, key: Key) -> bool:
        """By the contracts' state."""
        verifier = self._verifier
        if verifier.game(*key, self._me) is not None or verifier.has_won(*key, self._me):
            return True
        audit = self._audits.audit(*key)
        if audit is None or audit.auditor != self._me:
            return verifier.claim_of(key.job_id) is not None
        return audit.stage != _ENDED or verifier.has_won(*key, self._audits.address)


def _last(events: Iterable[Event], over: Callable[[Event], bool]) -> Iterator[Key]:
    """Claims of events that come newest first, but for those whose last one settles all."""
    seen: set[Key] = set()
    for event in events:
        key = Key(event.args["job_id"], event.args["claim"])
        if key not in seen:
            seen.add(key)
            if not over(event):
                yield key


def _is_over(event: Event) -> bool:
    return event.name == "Ended" and event.args["paid"] > 0


def _is_lost(event: Event) -> bool:
    return event.name == "GameClosed" and event.args["reason"] not in (1, 2)
