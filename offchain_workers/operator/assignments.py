# SPDX-License-Identifier: Apache-2.0
"""What a method is given about a job of ours; nothing is read before the method asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.db import Database
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.models import ModelCard
from offchain_workers.models.catalog import PublishedModel
from offchain_workers.operator.catalogue import Catalogue
from offchain_workers.operator.decide import MAX_OUTPUT
from offchain_workers.operator.tables import JobRow
from offchain_workers.storage import BlobStore
from verifiers.base import Assignment, Method, ModelView


class Assignments:
    """Makes them from the rows, the local store and the models' own servers."""

    def __init__(
        self,
        db: Database,
        network: Network,
        operator: str,
        inputs: Inputs,
        local: BlobStore,
        catalogue: Catalogue,
    ) -> None:
        self._db = db
        self._network = network
        self._operator = operator
        self._inputs = inputs
        self._local = local
        self._catalogue = catalogue

    def answered(self, terms: JobTerms, items: Sequence[bytes], output: bytes) -> Assignment:
        """A job whose input and output are at hand."""
        return Assignment(
            network=self._network,
            terms=terms,
            operator=self._operator,
            card=lambda: self._card(terms),
            items=lambda: items,
            output=lambda: output,
            blob=lambda cid, most: self._blob(terms, cid, most),
        )

    def claimed(self, job: JobRow, method: Method) -> Assignment:
        """A job that we delivered, perhaps long ago."""
        terms = job.terms
        return Assignment(
            network=self._network,
            terms=terms,
            operator=self._operator,
            card=lambda: self._card(terms),
            items=lambda: self._items(job, method),
            output=lambda: self._local.get(job.output_cid or "", MAX_OUTPUT),
            blob=lambda cid, most: self._blob(terms, cid, most),
        )

    def data(self, job: JobRow) -> bytes:
        """The post's data, or where we kept the input of a promise."""
        return self._inputs.kept(job.input_cid) if job.input_cid else job.data

    def _items(self, job: JobRow, method: Method) -> list[bytes]:
        terms = job.terms
        artifacts = {terms.selector: terms.artifact_id}
        blob = partial(self._blob, terms)
        view = ModelView(self._card(terms), blob, artifacts)
        return self._inputs.get(terms, self.data(job), view, method)

    def _published(self, terms: JobTerms) -> PublishedModel:
        with self._db.read() as session:
            return self._catalogue.published(session, terms.model_id)

    def _card(self, terms: JobTerms) -> ModelCard:
        return self._catalogue.card(self._published(terms))

    def _blob(self, terms: JobTerms, cid: str, max_bytes: int) -> bytes:
        return self._catalogue.blob(self._published(terms), cid, max_bytes)
