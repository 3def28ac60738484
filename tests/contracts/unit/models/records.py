# SPDX-License-Identifier: Apache-2.0
"""Records to publish."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.contracts.actors import wallet
from tests.contracts.world import World


@dataclass(frozen=True)
class Record:
    """What `publish` takes; artifacts are (selector, artifact id)."""

    onnx_hash: bytes = b"\x01" * 32
    card_hash: bytes = b"\x02" * 32
    parent: bytes = bytes(32)
    royalty_bps: int = 500
    artifacts: tuple[tuple[bytes, bytes], ...] = ()

    def with_(self, **changes: Any) -> Record:
        return replace(self, **changes)

    @property
    def abi(self) -> tuple[Any, ...]:
        return tuple(self.__dict__.values())


def publish(world: World, record: Record, by: str = "publisher", uri: str = "") -> bytes:
    """Publish a record from a role's wallet."""
    model_id: bytes = world.models.publish(*record.abi, uri, sender=wallet(by).address)
    return model_id
