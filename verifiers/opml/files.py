# SPDX-License-Identifier: Apache-2.0
"""A bundle's files by content id, as the model's card lists them."""

from __future__ import annotations

from collections.abc import Sequence

from offchain_workers.models import ModelCard
from offchain_workers.models.lowering import manifest
from offchain_workers.storage import StoreError
from verifiers.base import Assignment, ReadBlob
from verifiers.opml.bundle import (
    HEADER_FILE,
    PROGRAM_FILE,
    WEIGHTS_FILE,
    Program,
    assemble,
    parse_header,
)
from verifiers.opml.names import NAMES_FILE, most_bytes, parse_names
from verifiers.opml.play_errors import ArtifactMismatchError
from verifiers.opml.program import DESCRIPTOR_BYTES, Header

TRACE_FILE = "trace.onnx"
PROBE_FILE = "probe.onnx"
_HEADER_BYTES = 4_096
_WEIGHTS_BYTES = 1 << 31


class Files:
    """The files of one model; ``artifact_id`` is what its record says under `opml`."""

    def __init__(self, card: ModelCard, artifact_id: bytes, blob: ReadBlob) -> None:
        self.card = card
        self.artifact_id = artifact_id
        self.cids = manifest(card, "opml")
        self._blob = blob

    @classmethod
    def of(cls, job: Assignment) -> Files:
        """Of a job's model, as its terms name it."""
        return cls(job.card(), job.terms.artifact_id, job.blob)

    def header(self) -> Header:
        """Raises ArtifactMismatchError, HeaderError, StoreError."""
        header = parse_header(self._read(HEADER_FILE, _HEADER_BYTES))
        if header.artifact_id() != self.artifact_id:
            raise ArtifactMismatchError(
                f"{self.card.name}: header.json is of artifact 0x{header.artifact_id().hex()}, "
                f"the model's is 0x{self.artifact_id.hex()}"
            )
        sizes = header.input_bytes, header.output_bytes
        if sizes != (self.card.item_bytes_in, self.card.item_bytes_out):
            raise ArtifactMismatchError(f"{self.card.name}: the card has tensors of other sizes")
        return header

    def program(self) -> Program:
        """Descriptors and weights, checked against the header. Raises a BundleError besides."""
        header = self.header()
        descriptors = self._read(PROGRAM_FILE, header.node_count * DESCRIPTOR_BYTES)
        weights = self._read(WEIGHTS_FILE, _WEIGHTS_BYTES)
        return assemble(self._read(HEADER_FILE, _HEADER_BYTES), descriptors, weights)

    def onnx(self, name: str) -> bytes | None:
        """An ONNX file of the bundle, None when the card lists none. Raises StoreError."""
        limit = self.card.limits.max_onnx_bytes
        return self._read(name, limit) if name in self.cids else None

    def names(self) -> Sequence[str]:
        """What people call the program's nodes; none when nobody has the file or it does not fit.

        Raises what ``header`` raises.
        """
        if NAMES_FILE not in self.cids:
            return ()
        count = self.header().node_count
        try:
            return parse_names(self._read(NAMES_FILE, most_bytes(count)), count)
        except StoreError:
            return ()

    def _read(self, name: str, limit: int) -> bytes:
        if name not in self.cids:
            raise ArtifactMismatchError(f"{self.card.name}: the card lists no {name}")
        return self._blob(self.cids[name], limit)
