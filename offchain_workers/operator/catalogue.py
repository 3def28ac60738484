# SPDX-License-Identifier: Apache-2.0
"""Which models to serve, and loading them: every byte is checked against the model's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session as DbSession

from offchain_workers.chain.contracts import ModelRecord, Network
from offchain_workers.chain.tables import EventRow
from offchain_workers.config import Settings
from offchain_workers.engines import Engine, EngineError, ModelRunner, Session
from offchain_workers.models import CodecError, ModelCard, ModelSpec
from offchain_workers.models.card import MAX_CARD_BYTES
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.operator.errors import ModelMismatchError, ModelUnknownError, SelfCheckError
from offchain_workers.storage import (
    BlobStore,
    HttpStore,
    InvalidLocationError,
    MultiStore,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Listing:
    """What a publisher announced."""

    model_id: bytes
    publisher: str
    record: ModelRecord
    uri: str


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run."""

    listing: Listing
    card: ModelCard
    session: Session
    runner: ModelRunner

    def healthy(self) -> bool:
        """Whether it still answers a plain input: tells a sick engine from a bad input."""
        try:
            self_check(self.session, self.card)
        except (EngineError, SelfCheckError):
            return False
        return True

    def close(self) -> None:
        self.runner.close(drain=False)


class Catalogue:
    """Finds listings among the followed events and loads them through the engine."""

    def __init__(
        self,
        settings: Settings,
        network: Network,
        engine: Engine,
        local: BlobStore,
        peers: Sequence[BlobStore],
    ) -> None:
        self._settings = settings
        self._network = network
        self._engine = engine
        self._local = local
        self._peers = tuple(peers)

    def wanted(self, session: DbSession, operator: str) -> list[bytes]:
        """The configured models, else all that the operator has an offer for."""
        if self._settings.worker.models:
            return [bytes.fromhex(text[2:]) for text in self._settings.worker.models]
        query = select(EventRow).where(EventRow.name.in_(("Offered", "OfferEnded")))
        books: dict[bytes, bytes] = {}
        for row in session.scalars(query.order_by(EventRow.block_number, EventRow.log_index)):
            if row.args["operator"] != operator:
                continue
            if row.name == "Offered":
                books[row.args["book_id"]] = row.args["model_id"]
            else:
                books.pop(row.args["book_id"], None)
        return list(dict.fromkeys(books.values()))

    def listing(self, session: DbSession, model_id: bytes) -> Listing:
        """What was published under an id. Raises ModelUnknownError."""
        query = select(EventRow).where(EventRow.name == "ModelPublished")
        for row in session.scalars(query):
            if row.args["model_id"] == model_id:
                return _listing(row.args)
        raise ModelUnknownError(f"model 0x{model_id.hex()} is not in the registry")

    def load(self, listing: Listing) -> LoadedModel:
        """Fetch, verify, load and try. Raises ModelMismatchError, SelfCheckError, StoreError,
        CodecError or EngineError."""
        actual = self._network.models.model_id(listing.publisher, listing.record)
        if actual != listing.model_id:
            raise ModelMismatchError(
                f"the record announced as 0x{listing.model_id.hex()} has id 0x{actual.hex()}"
            )
        store = self._stores(listing.uri)
        card = ModelCard.from_canonical(store.get(_cid(listing.record.card_hash), MAX_CARD_BYTES))
        limit = min(self._settings.engine.max_onnx_bytes, card.limits.max_onnx_bytes)
        onnx = store.get(_cid(listing.record.onnx_hash), limit)
        session = self._engine.load(ModelSpec(card, _cid(listing.record.onnx_hash)), onnx)
        self_check(session, card)
        runner = ModelRunner(session, card, self._settings.engine.max_batch)
        log.info("model loaded", model=f"0x{listing.model_id.hex()}", name=card.name)
        return LoadedModel(listing, card, session, runner)

    def _stores(self, uri: str) -> MultiStore:
        """The local store, the publisher's, then the configured peers."""
        private = self._settings.storage.allow_private
        try:
            return MultiStore(self._local, (HttpStore(uri, allow_private=private), *self._peers))
        except InvalidLocationError:
            return MultiStore(self._local, self._peers)


def self_check(session: Session, card: ModelCard) -> None:
    """Run an input of zeros twice. Raises SelfCheckError, EngineError."""
    zeros = unpack_items(card.inputs, bytes(card.item_bytes_in), 1)
    try:
        first, again = (pack_items(card.outputs, session.run(zeros)) for _ in range(2))
    except CodecError as error:
        raise SelfCheckError(f"model {card.name}: {error.message}") from error
    if first != again:
        raise SelfCheckError(f"model {card.name} answers the same input in two ways")


def _listing(args: Mapping[str, object]) -> Listing:
    fields: dict[str, object] = dict(args)
    artifacts = {a["selector"]: a["artifact_id"] for a in _dicts(fields["artifacts"])}
    record = ModelRecord(
        onnx_hash=_bytes(fields["onnx_hash"]),
        card_hash=_bytes(fields["card_hash"]),
        royalty_bps=int(str(fields["royalty_bps"])),
        parent=_bytes(fields["parent"]),
        artifacts=artifacts,
    )
    return Listing(_bytes(fields["model_id"]), str(fields["publisher"]), record, str(fields["uri"]))


def _dicts(value: object) -> list[dict[str, bytes]]:
    return value if isinstance(value, list) else []


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


def _cid(digest: bytes) -> str:
    return "0x" + digest.hex()
