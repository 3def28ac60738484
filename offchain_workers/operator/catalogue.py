# SPDX-License-Identifier: Apache-2.0
"""Which models to serve, and loading them: every byte is checked against the model's id."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session as DbSession

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.chain.tables import EventRow
from offchain_workers.config import Settings
from offchain_workers.engines import Engine, EngineError, ModelRunner, Session
from offchain_workers.models import CodecError, ModelCard, ModelSpec
from offchain_workers.models.catalog import Catalog, PublishedModel
from offchain_workers.models.errors import ModelUnknownError
from offchain_workers.models.lowering import onnx_for
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.operator.errors import ModelMismatchError, SelfCheckError
from offchain_workers.storage import BlobStore
from verifiers.base import VERDICTS, Candidate, ModelView

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run."""

    published: PublishedModel
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
        store: BlobStore,
    ) -> None:
        self._models = settings.worker.models
        self._in_flight = settings.worker.max_in_flight
        self._engine_settings = settings.engine
        self._network = network
        self._engine = engine
        self._files = Catalog((), store, settings.storage.allow_private)
        self._folder = settings.storage.folder / VERDICTS

    def wanted(self, session: DbSession, operator: str) -> list[bytes]:
        """The configured models, else all that the operator has an offer for."""
        if self._models:
            return [bytes.fromhex(text[2:]) for text in self._models]
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

    def published(self, session: DbSession, model_id: bytes) -> PublishedModel:
        """What was published under an id. Raises ModelUnknownError."""
        query = select(EventRow).where(EventRow.name == "ModelPublished")
        for row in session.scalars(query):
            if row.args["model_id"] == model_id:
                return PublishedModel.of(row.args, row.block_number)
        raise ModelUnknownError(f"model 0x{model_id.hex()} is not in the registry")

    def card(self, model: PublishedModel) -> ModelCard:
        """The verified card. Raises StoreError, InvalidCardError."""
        return self._files.card(model)

    def blob(self, model: PublishedModel, cid: str, max_bytes: int) -> bytes:
        """A file of the model, kept in the local store once fetched. Raises StoreError."""
        return self._files.blob(model, cid, max_bytes)

    def view(self, model: LoadedModel) -> ModelView:
        """The loaded model as methods see it."""
        published = model.published
        return ModelView(model.card, partial(self.blob, published), published.artifacts)

    def candidate(self, model: LoadedModel, selector: bytes) -> Candidate:
        """The loaded model as a method is asked about it."""
        return Candidate(
            card=model.card,
            record=model.published,
            network=self._network,
            artifact_id=model.published.artifacts.get(selector, ZERO_32),
            session=model.session,
            provider=self._engine.provider,
            runtime=self._engine.runtime,
            blob=partial(self.blob, model.published),
            folder=self._folder,
        )

    def load(self, model: PublishedModel) -> LoadedModel:
        """Fetch, verify, load and try. Raises ModelMismatchError, SelfCheckError, StoreError,
        CodecError or EngineError."""
        actual = self._network.models.model_id(model.publisher, model.record)
        if actual != model.model_id:
            raise ModelMismatchError(
                f"the record announced as 0x{model.model_id.hex()} has id 0x{actual.hex()}"
            )
        card = self._files.card(model)
        limit = min(self._engine_settings.max_onnx_bytes, card.limits.max_onnx_bytes)
        cid = onnx_for(card, model.onnx_cid, self._engine.provider)
        session = self._engine.load(ModelSpec(card, cid), self.blob(model, cid, limit))
        self_check(session, card)
        room = self._in_flight * card.limits.max_items  # what was taken must find place
        runner = ModelRunner(session, card, self._engine_settings.max_batch, room)
        log.info("model loaded", model=f"0x{model.model_id.hex()}", name=card.name)
        return LoadedModel(model, card, session, runner)


def self_check(session: Session, card: ModelCard) -> None:
    """Run an input of zeros twice. Raises SelfCheckError, EngineError."""
    zeros = unpack_items(card.inputs, bytes(card.item_bytes_in), 1)
    try:
        first, again = (pack_items(card.outputs, session.run(zeros)) for _ in range(2))
    except CodecError as error:
        raise SelfCheckError(f"model {card.name}: {error.message}") from error
    if first != again:
        raise SelfCheckError(f"model {card.name} answers the same input in two ways")
