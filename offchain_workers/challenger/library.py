# SPDX-License-Identifier: Apache-2.0
"""Models that this machine may judge: fetched by content id, certified, self-tested."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.errors import ChainError
from offchain_workers.chain.past import Past
from offchain_workers.challenger.reasons import LeftError, Reason
from offchain_workers.engines.base import Engine, Session
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import EngineError
from offchain_workers.errors import FusionError
from offchain_workers.models import CodecError, ModelCard, ModelSpec
from offchain_workers.models.catalog import Catalog, PublishedModel
from offchain_workers.models.lowering import onnx_for
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.storage import BlobStore, StoreError
from verifiers.base import Candidate
from verifiers.opml import gate
from verifiers.opml.bundle import Program
from verifiers.opml.few import Few
from verifiers.opml.files import Files
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header

log = structlog.get_logger(__name__)

_MODELS, _EXECUTIONS = 4, 2


@dataclass
class Watched:
    """A model that passed. ``slowest``: seconds that its slowest run took so far."""

    card: ModelCard
    program: Program
    session: Session
    slowest: float = 0.0
    executions: Few[Execution] = field(default_factory=lambda: Few(_EXECUTIONS))

    @property
    def header(self) -> Header:
        return self.program.header

    def answer(self, given: bytes) -> bytes:
        """The output's bytes, as a worker would answer. Raises LeftError."""
        began = time.monotonic()
        try:
            arrays = self.session.run(unpack_items(self.card.inputs, given, 1))
            answer = pack_items(self.card.outputs, arrays)
        except (EngineError, CodecError) as error:
            raise LeftError(Reason.RUN_FAILED, error.message) from error
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def execution(self, given: bytes) -> Execution:
        """Every node by the reference: what the step contracts compute, whatever this machine's
        onnxruntime says. Slow; the last ones are kept."""
        return self.executions.get(given, lambda: self.program.execution(given))


class Library:
    """Loads one model at a time; ``folder`` keeps the self-test's verdicts over restarts."""

    def __init__(
        self,
        network: Network,
        store: BlobStore,
        engine: EmbeddedEngine,
        folder: Path,
        allow_private: bool,
    ) -> None:
        self._network = network
        self._engine: Engine = engine
        self._runtime = f"onnxruntime {engine.runtime_version}"
        self._provider = engine.provider
        self._files = Catalog((), store, allow_private)
        self._folder = folder
        self._models: Few[Watched] = Few(_MODELS)
        self._barred: dict[bytes, str] = {}

    def model(self, terms: JobTerms) -> Watched:
        """The model of a job, ready to run. Raises LeftError.

        The first time it may take minutes: the self-test runs.
        """
        if terms.model_id in self._barred:
            raise LeftError(Reason.MODEL_REFUSED, self._barred[terms.model_id])
        try:
            return self._models.get(terms.model_id, lambda: self._load(terms))
        except StoreError as error:
            raise LeftError(Reason.MODEL_UNAVAILABLE, error.message) from error
        except (LeftError, ChainError):
            raise
        except FusionError as error:
            self.bar(terms, str(error))
            raise LeftError(Reason.MODEL_REFUSED, str(error)) from error

    def bar(self, terms: JobTerms, why: str) -> None:
        """Judge nothing by this model until the next start."""
        log.error("model refused", model=f"0x{terms.model_id.hex()}", reason=why)
        self._barred[terms.model_id] = why

    def _load(self, terms: JobTerms) -> Watched:
        record = published(self._network, terms.model_id)
        card = self._files.card(record)
        blob = partial(self._files.blob, record)
        cid = onnx_for(card, record.onnx_cid, self._provider)
        spec = ModelSpec(card, cid)
        session = self._engine.load(spec, blob(cid, card.limits.max_onnx_bytes))
        gate.admit(
            Candidate(
                card=card,
                artifact_id=terms.artifact_id,
                session=session,
                provider=self._provider,
                runtime=self._runtime,
                blob=blob,
                folder=self._folder,
            )
        )
        program = Files(card, terms.artifact_id, blob).program()
        log.info("model ready", model=f"0x{terms.model_id.hex()}", name=card.name)
        return Watched(card, program, session)


def published(network: Network, model_id: bytes) -> PublishedModel:
    """A model's record, which its id is the hash of. Raises LeftError."""
    past = Past(network.models, network.start_block)
    head = network.models.w3.eth.block_number
    for event in past.newest_first(("ModelPublished",), model_id, head):
        found = PublishedModel.of(event.args, event.block_number)
        if network.models.model_id(found.publisher, found.record) == model_id:
            return found
    raise LeftError(Reason.MODEL_UNAVAILABLE, f"no record of model 0x{model_id.hex()}")
