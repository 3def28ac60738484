# SPDX-License-Identifier: Apache-2.0
"""ModelRegistry: immutable model records and attestations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ZERO_ADDRESS, ContractWrapper
from offchain_workers.chain.contracts.terms import ZERO_32


@dataclass(frozen=True)
class ModelRecord:
    """What a publisher lists. ``artifacts``: method selector to artifact id."""

    onnx_hash: bytes
    card_hash: bytes
    royalty_bps: int = 0
    parent: bytes = ZERO_32
    artifacts: Mapping[bytes, bytes] = field(default_factory=dict)

    def abi(self) -> tuple[bytes, bytes, bytes, int, list[tuple[bytes, bytes]]]:
        ordered = sorted(self.artifacts.items())
        return (self.onnx_hash, self.card_hash, self.parent, self.royalty_bps, ordered)


class Models(ContractWrapper):
    NAME = "ModelRegistry"

    @cached_property
    def attest_stake(self) -> int:
        """Wei of stake below which an attestation is refused."""
        return int(self.read("ATTEST_STAKE"))

    def publisher(self, model_id: bytes) -> str | None:
        publisher, _ = self.read("record", model_id)
        return None if publisher == ZERO_ADDRESS else str(publisher)

    def royalty_bps(self, model_id: bytes) -> int:
        return int(self.read("record", model_id)[1])

    def artifact(self, model_id: bytes, selector: bytes) -> bytes:
        """Zero bytes when the model has none for the method."""
        return bytes(self.read("artifact", model_id, selector))

    def attested_at(self, model_id: bytes, attester: str) -> int:
        return int(self.read("attested_at", model_id, attester))

    def model_id(self, publisher: str, record: ModelRecord) -> bytes:
        return bytes(self.read("model_id_of", publisher, *record.abi()))

    def publish(self, record: ModelRecord, uri: str) -> Call:
        return self.call("publish", *record.abi(), uri)

    def attest(self, model_id: bytes) -> Call:
        return self.call("attest", model_id)

    def retract(self, model_id: bytes) -> Call:
        return self.call("retract", model_id)
