# SPDX-License-Identifier: Apache-2.0
"""What is sealed to an enclave: a private input, blinded, and what may be done with it.

``01 | 32 random bytes | reply key (32 bytes, zero for an answer in the clear) | model id | item``.
The job commits to keccak of all of it, so that nobody can find the item by trying. The model is
named inside, so that no operator can have a model of its own run on it, one that gives it away.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from offchain_workers.chain.hashing import keccak
from verifiers.teeml.errors import PayloadError

NO_REPLY = bytes(32)
_VERSION = b"\x01"
HEAD_BYTES = 97


@dataclass(frozen=True)
class Payload:
    """``reply``: the X25519 key to which the answer is sealed, NO_REPLY for an open answer."""

    item: bytes
    model_id: bytes
    reply: bytes
    blind: bytes

    @classmethod
    def of(cls, item: bytes, model_id: bytes, reply: bytes = NO_REPLY) -> Payload:
        """With fresh random bytes."""
        return cls(item, model_id, reply, secrets.token_bytes(32))

    @classmethod
    def parse(cls, data: bytes) -> Payload:
        """Raises PayloadError."""
        if len(data) < HEAD_BYTES or data[:1] != _VERSION:
            raise PayloadError("what was sealed is not a private input")
        return cls(data[HEAD_BYTES:], data[65:HEAD_BYTES], data[33:65], data[1:33])

    def encode(self) -> bytes:
        return _VERSION + self.blind + self.reply + self.model_id + self.item

    @property
    def commitment(self) -> bytes:
        """The job's input commitment."""
        return keccak(self.encode())

    @property
    def wants_reply(self) -> bool:
        return self.reply != NO_REPLY
