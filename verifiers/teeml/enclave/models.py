# SPDX-License-Identifier: Apache-2.0
"""Models in the enclave: each is the one that its id names, whoever hands it in."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from offchain_workers.chain.hashing import keccak
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.runner import ModelRunner
from offchain_workers.models import ModelCard, ModelSpec
from offchain_workers.storage import content_id
from verifiers.teeml.errors import EnclaveModelError

_RUN_SECONDS = 300.0


@dataclass(frozen=True)
class Origin:
    """What a model id is the hash of, beside the files: see ModelRegistry.model_id_of."""

    chain_id: int
    registry: str
    publisher: str
    parent: bytes
    royalty_bps: int
    artifacts: Mapping[bytes, bytes]

    def model_id(self, onnx_hash: bytes, card_hash: bytes) -> bytes:
        types = (
            "uint256", "address", "address", "bytes32", "bytes32", "bytes32", "uint256",
            "(bytes4,bytes32)[]",
        )  # fmt: skip
        artifacts = sorted(self.artifacts.items())
        values = (
            self.chain_id, self.registry, self.publisher, onnx_hash, card_hash, self.parent,
            self.royalty_bps, artifacts,
        )  # fmt: skip
        return keccak(encode(types, values))


class Model:
    """A loaded model."""

    def __init__(self, card: ModelCard, runner: ModelRunner) -> None:
        self.card = card
        self._runner = runner

    def run(self, items: Sequence[bytes]) -> bytes:
        """Outputs of the items' wire bytes. Raises EngineError, WireLengthError."""
        return self._runner.submit(b"".join(items)).result(_RUN_SECONDS)

    def close(self) -> None:
        self._runner.close(drain=False)


class Shelf:
    """The models that the enclave holds, by id. Used from several threads."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._models: dict[bytes, Model] = {}
        self._lock = threading.Lock()

    def ids(self) -> list[bytes]:
        return list(self._models)

    def get(self, model_id: bytes) -> Model:
        """Raises EnclaveModelError."""
        found = self._models.get(model_id)
        if found is None:
            raise EnclaveModelError(f"model 0x{model_id.hex()} is not loaded in the enclave")
        return found

    def load(self, model_id: bytes, origin: Origin, card: bytes, onnx: bytes) -> None:
        """Unless it is there. Raises EnclaveModelError, InvalidCardError, EngineError."""
        onnx_cid = content_id(onnx)
        if origin.model_id(bytes.fromhex(onnx_cid[2:]), keccak(card)) != model_id:
            raise EnclaveModelError(f"these files are not model 0x{model_id.hex()}")
        with self._lock:
            if model_id in self._models:
                return
            parsed = ModelCard.from_canonical(card)
            session = self._engine.load(ModelSpec(parsed, onnx_cid), onnx)
            self._models[model_id] = Model(parsed, ModelRunner(session, parsed))

    def close(self) -> None:
        for model in self._models.values():
            model.close()
