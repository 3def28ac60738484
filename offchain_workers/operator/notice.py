# SPDX-License-Identifier: Apache-2.0
"""Keeps the signed manifest up to date, in the store and, if wished, on the chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from eth_account.signers.local import LocalAccount
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.tables import EventRow, MetaRow
from offchain_workers.config import Settings
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.engines import Engine
from offchain_workers.engines.hardware import inspect
from offchain_workers.manifest import (
    MAX_BYTES,
    Place,
    build_manifest,
    same_content,
    verify_manifest,
)
from offchain_workers.storage import BlobMissingError, BlobStore, content_id

log = structlog.get_logger(__name__)

_META = "worker:manifest"


class Notice:
    """The manifest of this worker; a new one is issued only when it says something new."""

    def __init__(
        self,
        settings: Settings,
        account: LocalAccount,
        network: Network,
        db: Database,
        outbox: Outbox,
        local: BlobStore,
        engine: Engine,
        clock: ChainClock,
        sealing_key: bytes,
    ) -> None:
        self._worker = settings.worker
        self._account = account
        self._network = network
        self._db = db
        self._outbox = outbox
        self._local = local
        self._engine = engine
        self._clock = clock
        self._sealing_key = sealing_key
        self._document = b""
        self._told: tuple[frozenset[bytes], tuple[str, ...]] | None = None
        # The manifest that the chain had last of ours, and as which of our account's announcements.
        self._stood: tuple[str, int] | None = None
        self._yielded_to = 0

    def document(self) -> bytes:
        """What GET /manifest answers; empty while there is none."""
        return self._document

    def publish(self, models: Iterable[bytes], methods: Sequence[str]) -> None:
        """Issue a manifest when it says something new; see that the chain has the latest."""
        told = (frozenset(models), tuple(sorted(methods)))
        if told != self._told:
            document = self._build(*told)
            cid = self._local.put(document)
            with self._db.session() as session:
                session.merge(MetaRow(key=_META, value=cid))
            self._document, self._told = document, told
        self._compare(content_id(self._document))

    def _compare(self, cid: str) -> None:
        with self._db.read() as session:
            announced = self._announced(session)
        if not announced:
            return  # not registered yet
        known, url = announced[-1]
        wanted = self._worker.public_url or url
        if (known, url) == (cid, wanted):
            self._stood = cid, len(announced)
        elif self._is_outdone(cid, len(announced)):
            self._yield(url, len(announced))
        elif self._worker.announce_manifest:
            self._announce(cid, wanted)
        else:
            log.warning("the chain has another manifest or URL", manifest=cid, announced=known)

    def _is_outdone(self, cid: str, count: int) -> bool:
        """Somebody with our key announced after us; a reorganisation only takes away."""
        return self._stood is not None and self._stood[0] == cid and count > self._stood[1]

    def _yield(self, url: str, count: int) -> None:
        """Two workers that overwrite each other would pay for a transaction a block, for ever."""
        if self._yielded_to != count:
            self._yielded_to = count
            log.error(
                "another worker has this account: each needs its own; a restart announces this one",
                announced=url,
                operator=self._account.address,
            )

    def _announce(self, cid: str, url: str) -> None:
        """Once for each state of the chain that differs."""
        call = self._network.subnets.set_manifest(bytes.fromhex(cid[2:]), url)
        with self._db.session() as session:
            events = session.scalar(select(func.count()).where(EventRow.name == "ManifestSet"))
            key = f"manifest:{cid}:{events}"
            self._outbox.enqueue(session, key, call.to, call.data, call.value)
        log.info("manifest goes to the chain", manifest=cid, url=url)

    def _build(self, models: frozenset[bytes], methods: tuple[str, ...]) -> bytes:
        place = Place(self._network.marketplace.domain.chain_id, self._network.subnets.address)
        document = build_manifest(
            self._account,
            place,
            self._worker.public_url or "",
            inspect(self._engine),
            sorted(models),
            methods,
            {
                "max_in_flight": self._worker.max_in_flight,
                "min_turn_seconds": self._worker.min_turn_seconds,
                "callback_gas_cap": self._worker.callback_gas_cap,
            },
            self._sealing_key,
            self._clock.now(),
        )
        before = self._before()
        if before:
            old, new = (verify_manifest(one, place) for one in (before, document))
            if same_content(old, new):
                return before
        return document

    def _before(self) -> bytes:
        with self._db.read() as session:
            row = session.get(MetaRow, _META)
        if row is None:
            return b""
        try:
            return self._local.get(row.value, MAX_BYTES)
        except BlobMissingError:
            return b""

    def _announced(self, session: Session) -> list[tuple[str, str]]:
        """Content ids and URLs on chain, oldest first; none for who never registered."""
        query = select(EventRow).where(EventRow.name == "ManifestSet")
        return [
            ("0x" + row.args["manifest_hash"].hex(), str(row.args["endpoint"]))
            for row in session.scalars(query.order_by(EventRow.block_number, EventRow.log_index))
            if row.args["operator"] == self._account.address
        ]
