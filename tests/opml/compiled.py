# SPDX-License-Identifier: Apache-2.0
"""The digits model as a compiled bundle in memory: files by content id, and its card."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from offchain_workers.models import ModelCard
from offchain_workers.models.demo import digits
from offchain_workers.storage import content_id
from verifiers.opml.bundle import Program, assemble
from verifiers.opml.compiler.compile import Options
from verifiers.opml.compiler.package import CARD_FILE, Package, build
from verifiers.opml.program import Header

WINDOW, CLOCK = 60, 60
# An image as a job carries it, and its digit.
GIVEN, LABEL = digits().samples[0][1:]


@dataclass(frozen=True)
class Bundle:
    """``files`` by name, without the card; ``blobs`` by content id, with it."""

    card: ModelCard
    files: dict[str, bytes]
    header: Header

    @property
    def blobs(self) -> dict[str, bytes]:
        return {content_id(data): data for data in (*self.files.values(), self.card.canonical())}

    def blob(self, cid: str, max_bytes: int) -> bytes:
        """A ``ReadBlob``."""
        found = self.blobs[cid]
        assert len(found) <= max_bytes
        return found

    @property
    def program(self) -> Program:
        return assemble(*(self.files[f] for f in ("header.json", "program.bin", "weights.bin")))

    @property
    def hashes(self) -> tuple[bytes, bytes]:
        """Of the ONNX file and the card, as a model record has them."""
        onnx, card = content_id(self.files["model.onnx"]), self.card.hash()
        return bytes.fromhex(onnx[2:]), bytes.fromhex(card[2:])

    def changed(self, name: str, data: bytes) -> Bundle:
        """With other bytes in one file, and a card that lists them."""
        notes: Any = self.card.methods["opml"]
        manifest = notes["manifest"] | {name: content_id(data)}
        methods = {"opml": notes | {"manifest": manifest}}
        most = max(self.card.limits.max_onnx_bytes, len(data))
        limits = self.card.limits.model_copy(update={"max_onnx_bytes": most})
        card = self.card.model_copy(update={"methods": methods, "limits": limits})
        return Bundle(card, self.files | {name: data}, self.header)


@cache
def digits_package() -> Package:
    """As `fusion opml compile` makes it from the demo's samples."""
    model = digits()
    images = [np.frombuffer(raw, np.uint8).astype(np.float32) for _, raw, _ in model.samples]
    options = Options(window=WINDOW, clock=CLOCK)
    return build(model.onnx_bytes, images, parent=model.card, options=options)


@cache
def digits_bundle() -> Bundle:
    made = digits_package()
    files = {name: data for name, data in made.files.items() if name != CARD_FILE}
    return Bundle(made.card, files, made.header)
