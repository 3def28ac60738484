# SPDX-License-Identifier: Apache-2.0
"""The worker's side of the enclave: questions over a Unix socket, and the process itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from offchain_workers.chain.contracts import ModelRecord
from offchain_workers.chain.contracts.enclaves import Binding
from offchain_workers.chain.contracts.terms import Domain, JobTerms
from verifiers.teeml.enclave.answers import Answer, Quoted
from verifiers.teeml.enclave.frames import Message, receive, send
from verifiers.teeml.enclave.keys import Anchor, Purpose
from verifiers.teeml.enclave.witness import Vouched, gpu_digest
from verifiers.teeml.errors import EnclaveGoneError, EnclaveRefusedError

_START_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Attested:
    """A key pair that the enclave made, and the quote which vouches for ``binding``; ``gpu``: the
    file of claims about GPUs that it is bound to, empty for none."""

    binding: Binding
    quote: bytes
    gpu: bytes = b""

    @property
    def key(self) -> str:
        """The signer's address."""
        return self.binding.key


class EnclaveClient:
    """One connection, one question at a time. Every question raises EnclaveGoneError when the
    enclave is gone and EnclaveRefusedError, with the inner code, when it refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Any = None
        self._lock = threading.Lock()

    def hello(self) -> dict[str, Any]:
        """provider, tee, simulated, gpus, keys and models."""
        return self._ask({"ask": "hello"}).head

    def attest(
        self, purpose: Purpose, manifest: bytes, anchor: Anchor, again: str = ""
    ) -> Attested:
        """A new key, quoted; or the key ``again``, quoted at a later block."""
        asked = {
            "ask": "attest",
            "chain_id": purpose.domain.chain_id,
            "verifier": purpose.domain.verifier,
            "policy": _hex(purpose.policy),
            "operator": purpose.operator,
            "manifest": _hex(manifest),
            "anchor": anchor.number,
            "anchor_hash": _hex(anchor.block_hash),
            "again": again,
        }
        head, (quote, gpu) = self._ask(asked)
        sealing, claims, number = bytes.fromhex(head["sealing"]), gpu_digest(gpu), anchor.number
        bound = Binding(purpose.operator, head["key"], sealing, claims, manifest, number)
        return Attested(bound, quote, gpu)

    def load(
        self,
        model_id: bytes,
        chain_id: int,
        registry: str,
        publisher: str,
        record: ModelRecord,
        card: bytes,
        onnx: bytes,
    ) -> None:
        """Hand a model in, unless it is there."""
        asked = {
            "ask": "load",
            "model_id": _hex(model_id),
            "chain_id": chain_id,
            "registry": registry,
            "publisher": publisher,
            "parent": _hex(record.parent),
            "royalty_bps": record.royalty_bps,
            "artifacts": {key.hex(): _hex(value) for key, value in record.artifacts.items()},
        }
        self._ask(asked, card, onnx)

    def check(self, key: str, domain: Domain, terms: JobTerms, given: bytes) -> None:
        """Whether an input opens and is the one committed to."""
        self._ask(_job("open", key, domain, terms), given)

    def answer(self, key: str, domain: Domain, terms: JobTerms, given: bytes) -> Answer:
        """Output, as it is to be posted, and signature."""
        head, (output,) = self._ask(_job("answer", key, domain, terms), given)
        v, r, s = (int(part) for part in head["signature"])
        return Answer(output, (v, r, s))

    def quoted(self, purpose: Purpose, domain: Domain, terms: JobTerms, given: bytes) -> Quoted:
        """Output, as it is to be posted, and a quote of it."""
        asked = {
            "ask": "quoted",
            "chain_id": domain.chain_id,
            "market": domain.market,
            "verifier": purpose.domain.verifier,
            "operator": purpose.operator,
            "terms": terms.to_json(),
        }
        output, quote, gpu = self._ask(asked, given).blobs
        return Quoted(output, Vouched(quote, gpu))

    def probe(self) -> Vouched:
        """A quote of nothing, to see whether quotes of this machine are taken."""
        return Vouched(*self._ask({"ask": "probe"}).blobs)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _ask(self, head: dict[str, Any], *blobs: bytes) -> Message:
        with self._lock:
            is_new = self._connection is None
            try:
                answer = self._asked(head, *blobs)
            except EnclaveGoneError:
                if is_new:
                    raise
                answer = self._asked(head, *blobs)  # perhaps another one listens there by now
        refusal = answer.head.get("error")
        if refusal is not None:
            raise EnclaveRefusedError(str(refusal["code"]), str(refusal["message"]))
        return answer

    def _asked(self, head: dict[str, Any], *blobs: bytes) -> Message:
        try:
            connection = self._connected()
            send(connection, head, *blobs)
            return receive(connection)
        except (OSError, EOFError) as error:
            self._drop()
            raise EnclaveGoneError(f"no enclave answers at {self._path}: {error!r}") from error

    def _connected(self) -> Any:
        if self._connection is None:
            found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                found.connect(str(self._path))
            except OSError:
                found.close()
                raise
            self._connection = Connection(found.detach())
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class EnclaveProcess:
    """An enclave on this machine, as a child: for simulated hardware, and where the worker runs in
    the same trust domain. It ends with us."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = tuple(arguments)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.path = Path()

    def ensure(self) -> Path:
        """Where it listens; started anew when it is gone. Raises EnclaveGoneError."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
        return self.path

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()

    def kill(self) -> None:
        """As when the machine fails: the keys are lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="fusion-enclave-")
        self.path = Path(self._folder.name) / "socket"
        command = [sys.executable, "-m", "verifiers.teeml.enclave", "--socket", str(self.path)]
        self.path.unlink(missing_ok=True)
        complaints = Path(self._folder.name) / "stderr"
        with complaints.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, "--parent", str(os.getpid()), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                line = complaints.read_text(errors="replace").strip().splitlines()[-1:]
                raise EnclaveGoneError(f"the enclave does not start: {' '.join(line)}")
            time.sleep(_PAUSE_SECONDS)

    def _answers(self) -> bool:
        probe = EnclaveClient(self.path)
        try:
            probe.hello()
        except EnclaveGoneError:
            return False
        finally:
            probe.close()
        return True


def _job(ask: str, key: str, domain: Domain, terms: JobTerms) -> dict[str, Any]:
    return {
        "ask": ask,
        "key": key,
        "chain_id": domain.chain_id,
        "market": domain.market,
        "terms": terms.to_json(),
    }


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
