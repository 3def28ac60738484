# SPDX-License-Identifier: Apache-2.0
"""What the enclave does when it is asked; see `client` for who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from offchain_workers.chain.contracts.enclaves import ResultDomain
from offchain_workers.chain.contracts.terms import Domain, JobTerms
from offchain_workers.engines import EngineError
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.errors import FusionError
from verifiers.teeml.collateral import Digest
from verifiers.teeml.enclave.answers import Answers
from verifiers.teeml.enclave.frames import Message
from verifiers.teeml.enclave.keys import Anchor, Keyring, Purpose
from verifiers.teeml.enclave.models import Origin, Shelf
from verifiers.teeml.enclave.witness import Witness
from verifiers.teeml.errors import EnclaveProtocolError
from verifiers.teeml.gpus import Gpus
from verifiers.teeml.providers import QuoteProvider


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Attest(_Asked):
    chain_id: int
    verifier: str
    policy: Digest
    operator: str
    manifest: Digest
    anchor: int
    anchor_hash: Digest
    again: str


class _Load(_Asked):
    model_id: Digest
    chain_id: int
    registry: str
    publisher: str
    parent: Digest
    royalty_bps: int
    artifacts: dict[str, Digest]


class _Job(_Asked):
    key: str
    chain_id: int
    market: str
    terms: dict[str, Any]


class _Quoted(_Asked):
    chain_id: int
    market: str
    verifier: str
    operator: str
    terms: dict[str, Any]


Handler = Callable[[Message], Message]


class Service:
    """One enclave. ``handle`` is called from a thread for each connection."""

    def __init__(
        self, provider: QuoteProvider, engine: EmbeddedEngine, gpus: Gpus | None = None
    ) -> None:
        self._provider = provider
        self._gpus = gpus
        self._witness = Witness(provider, gpus)
        self._keys = Keyring(self._witness)
        self._shelf = Shelf(engine)
        self._answers = Answers(self._keys, self._shelf, self._witness)
        self._handlers: Mapping[str, Handler] = {
            "hello": self._hello,
            "attest": self._attest,
            "load": self._load,
            "open": self._open,
            "answer": self._answer,
            "quoted": self._quoted,
            "probe": self._probe,
        }

    def handle(self, message: Message) -> Message:
        """The answer; what goes wrong becomes ``error`` with code and message. Never an input's
        bytes: errors of the model's runtime are told by code alone."""
        try:
            handler = self._handlers.get(str(message.head.pop("ask", None)))
            if handler is None:
                raise EnclaveProtocolError("the enclave does not know what is asked")
            return handler(message)
        except EngineError as error:
            return _error(error.code, "the model does not run on this input")
        except FusionError as error:
            return _error(error.code, error.message)
        except (ValidationError, ValueError, KeyError) as error:
            # Its kind alone: the words of whatever met the input may quote it.
            kind = type(error).__name__
            return _error(EnclaveProtocolError.CODE, f"the question has no such shape: {kind}")

    def close(self) -> None:
        self._shelf.close()

    def _hello(self, message: Message) -> Message:
        provider = self._provider
        return Message(
            {
                "provider": provider.name,
                "tee": provider.tee,
                "simulated": provider.simulated,
                "gpus": self._gpus.name if self._gpus else "none",
                "keys": self._keys.addresses(),
                "models": ["0x" + model_id.hex() for model_id in self._shelf.ids()],
            }
        )

    def _attest(self, message: Message) -> Message:
        asked = _Attest.model_validate(message.head)
        domain = ResultDomain(asked.chain_id, asked.verifier)
        purpose = Purpose(domain, asked.policy, asked.operator)
        anchor = Anchor(asked.anchor, asked.anchor_hash)
        key, vouched = self._keys.attest(purpose, asked.manifest, anchor, asked.again)
        return Message({"key": key.address, "sealing": key.sealing.public.hex()}, tuple(vouched))

    def _load(self, message: Message) -> Message:
        asked, (card, onnx) = _Load.model_validate(message.head), _blobs(message, 2)
        given = asked.model_dump(exclude={"model_id", "artifacts"})
        artifacts = {bytes.fromhex(selector): one for selector, one in asked.artifacts.items()}
        self._shelf.load(asked.model_id, Origin(**given, artifacts=artifacts), card, onnx)
        return Message({})

    def _open(self, message: Message) -> Message:
        asked, (given,) = _Job.model_validate(message.head), _blobs(message, 1)
        domain, terms = Domain(asked.chain_id, asked.market), JobTerms.from_json(asked.terms)
        self._answers.open(self._keys.get(asked.key), domain, terms, given)
        return Message({})

    def _answer(self, message: Message) -> Message:
        asked, (given,) = _Job.model_validate(message.head), _blobs(message, 1)
        domain, terms = Domain(asked.chain_id, asked.market), JobTerms.from_json(asked.terms)
        found = self._answers.answer(self._keys.get(asked.key), domain, terms, given)
        return Message({"signature": [str(part) for part in found.signature]}, (found.output,))

    def _quoted(self, message: Message) -> Message:
        asked, (given,) = _Quoted.model_validate(message.head), _blobs(message, 1)
        domain, terms = Domain(asked.chain_id, asked.market), JobTerms.from_json(asked.terms)
        results = ResultDomain(asked.chain_id, asked.verifier)
        purpose = Purpose(results, terms.artifact_id, asked.operator)
        found = self._answers.quoted(purpose, domain, terms, given)
        return Message({}, (found.output, *found.vouched))

    def _probe(self, message: Message) -> Message:
        """Of nothing: no key and no result hashes to zeros."""
        return Message({}, tuple(self._witness.vouch(lambda _: bytes(32), bytes(32))))


def _blobs(message: Message, count: int) -> Sequence[bytes]:
    if len(message.blobs) != count:
        raise EnclaveProtocolError(f"{len(message.blobs)} blobs, want {count}")
    return message.blobs


def _error(code: str, text: str) -> Message:
    return Message({"error": {"code": code, "message": text}})
