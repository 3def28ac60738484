# SPDX-License-Identifier: Apache-2.0
"""A model's files: read them, try them, and say what is wrong before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain_workers.codecs import NoModelNeededError, get_codec
from offchain_workers.config import Settings
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import ModelTooLargeError, RuntimeMissingError
from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard, ModelSpec
from offchain_workers.models.card import MAX_CARD_BYTES
from offchain_workers.models.wire import pack_items, unpack_items
from offchain_workers.storage import BlobStore, content_id
from verifiers.zkml.bundle import Bundle


@dataclass(frozen=True)
class ModelFiles:
    """A card and its ONNX file. Of a compiled model also the ``others`` that its card lists, its
    ``artifacts`` by selector, and the content id of the ONNX file that it was ``compiled_from``;
    of a circuit's model its bundle."""

    card: ModelCard
    onnx: bytes
    others: tuple[bytes, ...] = ()
    artifacts: Mapping[bytes, bytes] = field(default_factory=dict)
    compiled_from: str | None = None
    circuit: Bundle | None = None

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec(self.card, content_id(self.onnx))

    @property
    def onnx_hash(self) -> bytes:
        return bytes.fromhex(content_id(self.onnx)[2:])

    @property
    def card_hash(self) -> bytes:
        return bytes.fromhex(self.card.hash()[2:])

    def store(self, store: BlobStore) -> None:
        """Keep them, under their hashes. Raises StoreError."""
        for data in (self.onnx, *self.others):
            store.put(data)
        store.put(self.card.canonical())


def read_files(onnx: Path, card: Path, max_onnx_bytes: int) -> ModelFiles:
    """Raises MN-CLI-021, InvalidCardError, ModelTooLargeError."""
    return ModelFiles(
        ModelCard.from_json(_read(card, MAX_CARD_BYTES)), _read(onnx, max_onnx_bytes, onnx=True)
    )


def try_model(
    settings: Settings, files: ModelFiles, samples: Sequence[Path]
) -> list[dict[str, Any]] | None:
    """Load the model as a worker would and run the samples; their answers, in order.

    None when onnxruntime is not installed and there are no samples. Raises EngineError, CodecError.
    """
    try:
        engine = EmbeddedEngine("cpu", max_onnx_bytes=settings.engine.max_onnx_bytes)
    except RuntimeMissingError:
        if samples:
            raise
        return None
    session = engine.load(files.spec, files.onnx)
    codec = get_codec(files.card.codec)
    answers = []
    for sample in samples:
        try:
            item = codec.encode(files.card, sample)
        except NoModelNeededError as known:
            answers.append({"input": str(sample), **known.answer})
            continue
        arrays = session.run(unpack_items(files.card.inputs, item, 1))
        output = pack_items(files.card.outputs, arrays)
        answers.append({"input": str(sample), **codec.decode(files.card, output)})
    session.close()
    return answers


def _read(path: Path, limit: int, onnx: bool = False) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise FusionError("MN-CLI-021", f"{path} is not a regular file")
        size = path.stat().st_size
        if onnx and size > limit:
            raise ModelTooLargeError(f"{path} has {size} bytes, limit {limit}")
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {path}: {error.strerror}") from error
