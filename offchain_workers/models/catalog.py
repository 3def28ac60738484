# SPDX-License-Identifier: Apache-2.0
"""Models and operators as the chain announces them: published records, cards, endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offchain_workers.chain.contracts import ModelRecord, Network
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.scan import scan
from offchain_workers.models.absent import Absent
from offchain_workers.models.card import MAX_CARD_BYTES, ModelCard
from offchain_workers.models.errors import (
    InvalidCardError,
    ModelAmbiguousError,
    ModelUnknownError,
)
from offchain_workers.spelling import told
from offchain_workers.storage import BlobStore, HttpStore, MultiStore, StoreError

# What a transfer may take in seconds: more for large files, by bytes a second.
_LEAST_SECONDS, _LONGEST_SECONDS, _LEAST_SPEED = 10.0, 120.0, 1 << 20


@dataclass(frozen=True)
class PublishedModel:
    """A record of ModelRegistry; hashes are content ids. ``uri`` is the publisher's hint,
    ``artifacts`` method selector to artifact id."""

    model_id: bytes
    publisher: str
    onnx_cid: str
    card_cid: str
    parent: bytes
    royalty_bps: int
    uri: str
    block_number: int
    artifacts: Mapping[bytes, bytes]

    @classmethod
    def of(cls, args: Mapping[str, Any], block_number: int) -> PublishedModel:
        """From the arguments of an event ModelPublished."""
        return cls(
            model_id=args["model_id"],
            publisher=args["publisher"],
            onnx_cid="0x" + args["onnx_hash"].hex(),
            card_cid="0x" + args["card_hash"].hex(),
            parent=args["parent"],
            royalty_bps=args["royalty_bps"],
            uri=args["uri"],
            block_number=block_number,
            artifacts={a["selector"]: a["artifact_id"] for a in args["artifacts"]},
        )

    @property
    def record(self) -> ModelRecord:
        """What its id is the hash of, with the publisher."""
        return ModelRecord(
            onnx_hash=bytes.fromhex(self.onnx_cid[2:]),
            card_hash=bytes.fromhex(self.card_cid[2:]),
            royalty_bps=self.royalty_bps,
            parent=self.parent,
            artifacts=self.artifacts,
        )


def published_models(
    pool: RpcPool,
    network: Network,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[PublishedModel]:
    """Every model of the registry, oldest first."""
    models = network.models
    events = scan(
        pool,
        {models.address: models.abi},
        network.start_block,
        names={"ModelPublished"},
        progress=progress,
    )
    return [PublishedModel.of(event.args, event.block_number) for event in events]


def endpoints(pool: RpcPool, network: Network) -> dict[str, str]:
    """Operator address to the endpoint it announced last."""
    subnets = network.subnets
    events = scan(pool, {subnets.address: subnets.abi}, network.start_block, names={"ManifestSet"})
    return {event.args["operator"]: event.args["endpoint"] for event in events}


class Catalog:
    """Published models with their files. ``store`` is asked first, then a model's own ``uri``;
    ``absent``: which of those gave nothing, where another catalog knows it."""

    def __init__(
        self,
        models: Sequence[PublishedModel],
        store: BlobStore,
        allow_private: bool = False,
        absent: Absent | None = None,
    ) -> None:
        self.models = list(models)
        self._absent = absent or Absent()
        self._store = store
        self._allow_private = allow_private

    def find(self, reference: str) -> PublishedModel:
        """By id (``0x...`` or ``model:0x...``), by a start of it of 8 digits or more, or by name.

        Raises ModelUnknownError, ModelAmbiguousError.
        """
        wanted = reference.removeprefix("model:").lower()
        if wanted.startswith("0x") and len(wanted) >= 10:
            found = [m for m in self.models if ("0x" + m.model_id.hex()).startswith(wanted)]
        else:
            found = [m for m in self.models if self._is_named(m, wanted)]
        if not found:
            raise ModelUnknownError(f"the market has {told('model', reference, self._names())}")
        if len(found) > 1:
            ids = ", ".join("0x" + model.model_id.hex()[:12] for model in found)
            raise ModelAmbiguousError(f"{reference} could be any of {ids}: give more of the id")
        return found[0]

    def card(self, model: PublishedModel) -> ModelCard:
        """The verified card. Raises StoreError when nobody has it, InvalidCardError."""
        return ModelCard.from_canonical(self.blob(model, model.card_cid, MAX_CARD_BYTES))

    def onnx(self, model: PublishedModel, max_bytes: int) -> bytes:
        """The verified ONNX file. Raises StoreError."""
        return self.blob(model, model.onnx_cid, max_bytes)

    def blob(self, model: PublishedModel, cid: str, max_bytes: int) -> bytes:
        """A file of the model by content id, kept in the store once fetched."""
        if not model.uri or self._store.has(cid):
            return self._store.get(cid, max_bytes)
        with self._absent.asking(model.uri, cid):
            return self._fetch(model.uri, cid, max_bytes)

    def _fetch(self, uri: str, cid: str, max_bytes: int) -> bytes:
        deadline = min(_LONGEST_SECONDS, _LEAST_SECONDS + max_bytes / _LEAST_SPEED)
        remote = HttpStore(uri, allow_private=self._allow_private, deadline=deadline)
        try:
            return MultiStore(self._store, [remote]).get(cid, max_bytes)
        finally:
            remote.close()

    def _is_named(self, model: PublishedModel, name: str) -> bool:
        return self._name(model) == name

    def _names(self) -> set[str]:
        return {name for name in map(self._name, self.models) if name}

    def _name(self, model: PublishedModel) -> str:
        """Empty while nobody has a card of it that can be read."""
        try:
            return self.card(model).name
        except (StoreError, InvalidCardError):
            return ""
