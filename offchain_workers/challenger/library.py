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
from offchain_workers.models.vouching import CHECKED, HINT, OWN, Vouching
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.storage import BlobStore, StoreError
from verifiers.base import Candidate, ReadBlob
from verifiers.opml import gate
from verifiers.opml.few import Few
from verifiers.opml.files import TRACE_FILE, Files
from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution
from verifiers.opml.play_errors import BarredError, SelfTestError, TraceMisfitError
from verifiers.opml.program import Header
from verifiers.opml.trace import Tracer

log = structlog.get_logger(__name__)

_MODELS, _EXECUTIONS = 4, 2
# The program is sound, but its lowerings are not what it says, on this machine at least.
_LOWERING_CODES = {SelfTestError.CODE, TraceMisfitError.CODE}


@dataclass
class Watched:
    """A model that may be judged by. ``slowest``: seconds that its slowest run took so far.

    ``session`` answers as workers do. None where the self-test refused it, or nobody vouches for
    the lowerings: then ``tracer`` is the reference, which the contracts follow, and answers too.
    ``voucher``: see Vouching.
    """

    record: PublishedModel
    card: ModelCard
    tracer: Tracer
    session: Session | None
    voucher: str | None
    slowest: float = 0.0
    executions: Few[Execution] = field(default_factory=lambda: Few(_EXECUTIONS))

    @property
    def header(self) -> Header:
        return self.tracer.program.header

    def answer(self, given: bytes) -> bytes:
        """The output's bytes. Raises LeftError."""
        began = time.monotonic()
        if self.session is None:
            answer = self.execution(given).outputs[self.header.output_node].data
        else:
            answer = self._run(self.session, given)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer

    def execution(self, given: bytes) -> Execution:
        """Every node; the last ones are kept. Raises LeftError."""
        return self.executions.get(given, lambda: self._traced(given))

    def played(self, given: bytes) -> Execution:
        """For a game under a bond, which is lost without an execution: where the lowerings fail,
        the reference's, which the contracts follow."""
        try:
            return self.execution(given)
        except LeftError as left:
            log.warning("playing by the reference: slow", name=self.card.name, reason=str(left))
        return self.executions.get(given, lambda: self.tracer.program.execution(given))

    def confirm(self, given: bytes) -> None:
        """Before a bond: by the reference, where others' word is all that the files have.

        What is compiled here can't fail on purpose; an attester may have lied, or not have looked.
        Raises LeftError.
        """
        if self.session is None or self.voucher in (CHECKED, OWN):
            return
        reference = Tracer(self.tracer.program, None).execution(given)
        if reference.trace.root != self.execution(given).trace.root:
            log.error("false attestation", name=self.card.name, attester=self.voucher)
            raise LeftError(Reason.REFERENCE_DIFFERS, f"{self.voucher} does")

    def _traced(self, given: bytes) -> Execution:
        """A trace that does not lead to the answer is no reason for a bond."""
        try:
            execution = self.tracer.execution(given)
        except (EngineError, TraceMisfitError) as error:
            raise LeftError(Reason.RUN_FAILED, error.message) from error
        output = execution.outputs[self.header.output_node]
        if self.session is not None:
            answer = Tensor(self._run(self.session, given))
            if answer.commitment != output.commitment:
                raise LeftError(Reason.TRACE_DIFFERS)
        return execution

    def _run(self, session: Session, given: bytes) -> bytes:
        try:
            arrays = session.run(unpack_items(self.card.inputs, given, 1))
            return pack_items(self.card.outputs, arrays)
        except (EngineError, CodecError) as error:
            raise LeftError(Reason.RUN_FAILED, error.message) from error


class Library:
    """Loads one model at a time; ``folder`` keeps the self-test's verdicts over restarts."""

    def __init__(
        self,
        network: Network,
        store: BlobStore,
        engine: EmbeddedEngine,
        folder: Path,
        allow_private: bool,
        vouching: Vouching,
    ) -> None:
        self._network = network
        self._engine: Engine = engine
        self._runtime = f"onnxruntime {engine.runtime_version}"
        self._provider = engine.provider
        self._files = Catalog((), store, allow_private)
        self._folder = folder
        self._vouching = vouching
        self._models: Few[Watched] = Few(_MODELS)
        self._barred: dict[bytes, str] = {}

    def model(self, terms: JobTerms) -> Watched:
        """The model of a job, ready to judge by. Raises LeftError.

        The first time it may take minutes: the self-test runs. Who vouched for it may take that
        back, so that is asked each time.
        """
        required = self._vouching.required
        found = self._kept(terms, required)
        if found.voucher is None and not required:
            return found
        voucher = self._vouching.voucher(found.record)
        if voucher is None and required:
            raise LeftError(Reason.MODEL_UNVOUCHED, HINT)
        if (voucher is None) != (found.voucher is None):
            self._models.forget(terms.model_id)
            found = self._kept(terms, required)
        return found

    def playing(self, terms: JobTerms) -> Watched:
        """For a game that is open: a bond must not be lost because nobody vouches any more."""
        return self._kept(terms, False)

    def _kept(self, terms: JobTerms, must_be_vouched: bool) -> Watched:
        if terms.model_id in self._barred:
            raise LeftError(Reason.MODEL_REFUSED, self._barred[terms.model_id])
        try:
            return self._models.get(terms.model_id, lambda: self._load(terms, must_be_vouched))
        except StoreError as error:
            raise LeftError(Reason.MODEL_UNAVAILABLE, error.message) from error
        except (LeftError, ChainError):
            raise
        except FusionError as error:
            log.error("model refused", model=f"0x{terms.model_id.hex()}", reason=str(error))
            self._barred[terms.model_id] = str(error)
            raise LeftError(Reason.MODEL_REFUSED, str(error)) from error

    def _load(self, terms: JobTerms, must_be_vouched: bool) -> Watched:
        record = published(self._network, terms.model_id)
        voucher = self._vouching.voucher(record)
        if must_be_vouched and voucher is None:
            raise LeftError(Reason.MODEL_UNVOUCHED, HINT)
        card = self._files.card(record)
        blob = partial(self._files.blob, record)
        files = Files(card, terms.artifact_id, blob)
        program, session = files.program(), None
        if voucher is not None:
            session = self._admitted(record, card, terms.artifact_id, blob)
        if session is None:
            program.certify()
        tracer = Tracer(program, files.onnx(TRACE_FILE) if session else None)
        name = f"0x{terms.model_id.hex()}"
        log.info("model ready", model=name, name=card.name, by_reference=session is None)
        return Watched(record, card, tracer, session, voucher)

    def _admitted(
        self, record: PublishedModel, card: ModelCard, artifact_id: bytes, blob: ReadBlob
    ) -> Session | None:
        """What passed the self-test; None when only the lowerings are to blame."""
        cid = onnx_for(card, record.onnx_cid, self._provider)
        try:
            onnx = blob(cid, card.limits.max_onnx_bytes)
            session = self._engine.load(ModelSpec(card, cid), onnx)
            gate.admit(
                Candidate(
                    card=card,
                    record=record,
                    network=self._network,
                    artifact_id=artifact_id,
                    session=session,
                    provider=self._provider,
                    runtime=self._runtime,
                    blob=blob,
                    folder=self._folder,
                )
            )
        except (EngineError, SelfTestError, TraceMisfitError, BarredError) as error:
            if isinstance(error, BarredError) and error.code not in _LOWERING_CODES:
                raise
            log.warning("judging by the reference: slow", name=card.name, reason=str(error))
            return None
        return session


def published(network: Network, model_id: bytes) -> PublishedModel:
    """A model's record, which its id is the hash of. Raises LeftError."""
    past = Past(network.models, network.start_block)
    head = network.models.w3.eth.block_number
    for event in past.newest_first(("ModelPublished",), model_id, head):
        found = PublishedModel.of(event.args, event.block_number)
        if network.models.model_id(found.publisher, found.record) == model_id:
            return found
    raise LeftError(Reason.MODEL_UNAVAILABLE, f"no record of model 0x{model_id.hex()}")
