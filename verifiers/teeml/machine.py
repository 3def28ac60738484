# SPDX-License-Identifier: Apache-2.0
"""An operator's enclave and its registrations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offchain_workers.chain.contracts import Network
from offchain_workers.config import Settings
from offchain_workers.storage import LocalStore
from verifiers.base import Candidate, Step
from verifiers.teeml.direct import Direct
from verifiers.teeml.enclave.client import EnclaveClient, EnclaveProcess
from verifiers.teeml.registrar import Registrar
from verifiers.teeml.sources import source_of


class Machine:
    """One operator's enclave and its registrations, once the worker's settings are known."""

    def __init__(self, settings: Settings, network: Network, operator: str) -> None:
        self.network = network
        self.operator = operator
        self._asked, self._engine = settings.teeml, settings.engine
        self._storage = settings.storage
        self._process: EnclaveProcess | None = None
        self._client: EnclaveClient | None = None
        self._registrar: Registrar | None = None
        self._direct: Direct | None = None

    @property
    def client(self) -> EnclaveClient:
        """The enclave, started when it is ours to start. Raises EnclaveGoneError."""
        path = Path(self._asked.socket) if self._asked.socket else self._ours().ensure()
        if self._client is None:
            self._client = EnclaveClient(path)
        return self._client

    def _ours(self) -> EnclaveProcess:
        # Not before it is used: a worker starts while its chain is away.
        if self._process is None:
            self._process = EnclaveProcess(self._arguments())
        return self._process

    @property
    def registrar(self) -> Registrar:
        """Raises EnclaveGoneError, NotListedError, CallRevertedError."""
        if self._registrar is None:
            found = self.network, self.operator, self.client, source_of(self._asked)
            self._registrar = Registrar(*found, LocalStore(self._storage.folder))
        return self._registrar

    @property
    def quotes(self) -> bool:
        """Whether each answer is quoted, and no key registered."""
        return self._asked.deliver == "quoted"

    @property
    def direct(self) -> Direct:
        """As ``registrar``."""
        if self._direct is None:
            found = self.network, self.operator, self.client, source_of(self._asked)
            self._direct = Direct(*found, LocalStore(self._storage.folder))
        return self._direct

    def serve(self, policy_id: bytes) -> None:
        """From now on. Raises PolicyRefusedError, and as ``registrar``."""
        (self.direct if self.quotes else self.registrar).serve(policy_id)

    def look(self) -> Sequence[Step]:
        """What should go out now. Raises FusionError."""
        return (self.direct if self.quotes else self.registrar).look()

    def load(self, candidate: Candidate) -> None:
        """Into the enclave. Raises EnclaveRefusedError, EnclaveGoneError, StoreError."""
        record, registry = candidate.record, self.network.models.address
        chain_id = self.network.marketplace.domain.chain_id
        card = candidate.card.canonical()
        onnx = candidate.blob(record.onnx_cid, candidate.card.limits.max_onnx_bytes)
        self.client.load(
            record.model_id, chain_id, registry, record.publisher, record.record, card, onnx
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._process is not None:
            self._process.stop()

    def _arguments(self) -> Sequence[str]:
        asked, engine = self._asked, self._engine
        chain_id = self.network.marketplace.domain.chain_id
        simulated = ("--platform", asked.platform, "--chain", str(chain_id))
        golden = ("--gpu-golden", str(asked.gpu_golden)) if asked.gpu_golden else ()
        return (
            "--provider", asked.provider, "--engine", engine.provider,
            "--threads", str(engine.threads), *simulated, "--gpu", asked.gpu, *golden,
        )  # fmt: skip
