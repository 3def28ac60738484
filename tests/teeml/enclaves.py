# SPDX-License-Identifier: Apache-2.0
"""An enclave process on a simulated platform, a model, and jobs about it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace

from offchain_workers.chain.contracts import JobTerms, ModelRecord
from offchain_workers.chain.contracts.enclaves import ResultDomain
from offchain_workers.chain.contracts.terms import Domain, selector_of
from offchain_workers.chain.merkle import batch_commitment
from offchain_workers.models.demo import DemoModel
from offchain_workers.storage import content_id
from verifiers.teeml.enclave.client import Attested, EnclaveClient
from verifiers.teeml.enclave.keys import Anchor, Purpose
from verifiers.teeml.enclave.models import Origin

CHAIN = 31_337
VERIFIER, MARKET = "0x" + "11" * 20, "0x" + "22" * 20
REGISTRY, PUBLISHER = "0x" + "33" * 20, "0x" + "44" * 20
OPERATOR, REQUESTER = "0x" + "55" * 20, "0x" + "66" * 20
DOMAIN = Domain(CHAIN, MARKET)
POLICY = bytes(31) + b"\x07"
TEEML = selector_of("teeml")
SIMULATED = ("--provider", "simulated", "--chain", str(CHAIN))


@dataclass(frozen=True)
class Listed:
    """A demo model as a registry would list it, under a policy."""

    model: DemoModel
    royalty: int = 500

    @property
    def record(self) -> ModelRecord:
        cids = content_id(self.model.onnx_bytes), self.model.card.hash()
        onnx, card = (bytes.fromhex(cid[2:]) for cid in cids)
        return ModelRecord(onnx, card, self.royalty, artifacts={TEEML: POLICY})

    @property
    def model_id(self) -> bytes:
        record = self.record
        origin = Origin(
            CHAIN, REGISTRY, PUBLISHER, record.parent, self.royalty, dict(record.artifacts)
        )
        return origin.model_id(record.onnx_hash, record.card_hash)

    def load(self, client: EnclaveClient) -> None:
        card, onnx = self.model.card.canonical(), self.model.onnx_bytes
        client.load(self.model_id, CHAIN, REGISTRY, PUBLISHER, self.record, card, onnx)

    def terms(self, items: list[bytes], commitment: bytes | None = None) -> JobTerms:
        now = int(time.time())
        return JobTerms(
            requester=REQUESTER,
            model_id=self.model_id,
            selector=TEEML,
            subnet_id=bytes(32),
            input_commitment=batch_commitment(items) if commitment is None else commitment,
            max_price=1,
            deliver_by=now + 600,
            resolve_by=now + 1200,
            turn_length=30,
            n=len(items),
            artifact_id=POLICY,
            salt=secrets.token_bytes(32),
        )


def attested(client: EnclaveClient, policy: bytes = POLICY) -> Attested:
    purpose = Purpose(ResultDomain(CHAIN, VERIFIER), policy, OPERATOR)
    return client.attest(purpose, bytes(32), Anchor(7, b"\x09" * 32))


def other(terms: JobTerms) -> JobTerms:
    """The same job once more."""
    return replace(terms, salt=secrets.token_bytes(32))
