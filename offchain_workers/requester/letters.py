# SPDX-License-Identifier: Apache-2.0
"""What a post says of its input: to everybody, or to one member alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.manifest import Place
from offchain_workers.requester.errors import InputHomelessError, NotPrivateError
from offchain_workers.requester.workers import Member, talking
from offchain_workers.sealed_jobs import info_of
from offchain_workers.sealing import seal
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_inline, encode_reference, encode_sealed
from verifiers.base import Concealed, Concealing, Method, ModelView


class Letter(Protocol):
    """An input, ready to be posted."""

    @property
    def commitment(self) -> bytes:
        """As the terms carry it."""
        ...

    def data(self, member: Member, terms: JobTerms) -> bytes:
        """The post's data when ``member`` is the primary of ``terms``. Raises FusionError."""
        ...


@dataclass(frozen=True)
class OpenLetter:
    """The same for all members."""

    commitment: bytes
    post_data: bytes

    def data(self, member: Member, terms: JobTerms) -> bytes:
        """As for every other member."""
        return self.post_data


@dataclass(frozen=True)
class SealedLetter:
    """Sealed anew to each member that is asked: whoever is asked can read the input.

    ``inline``: the box travels in the post, and is public for ever; else the member keeps it.
    """

    network: Network
    method: Concealing
    concealed: Concealed
    inline: bool

    @property
    def commitment(self) -> bytes:
        return self.concealed.commitment

    def data(self, member: Member, terms: JobTerms) -> bytes:
        """Raises InputHomelessError, WorkerUnreachableError, ManifestInvalidError, SealingKeyError,
        what the method says."""
        domain = self.network.marketplace.domain
        place = Place(domain.chain_id, self.network.subnets.address)
        with talking(member) as worker:
            public = self.method.recipient(
                self.network, terms, member.operator, lambda: worker.sealing_key(place)
            )
            box = seal(public, self.concealed.payload, info_of(terms, domain))
            if self.inline:
                return encode_sealed(encode_inline(box))
            if not worker.hand_over(box):
                raise InputHomelessError(f"{member.operator} did not take the sealed input")
        return encode_sealed(encode_reference(content_id(box), member.endpoint))


def sealed_letter(
    network: Network,
    method: Method,
    model: ModelView,
    model_id: bytes,
    items: Sequence[bytes],
    reply: bytes,
    inline: bool,
) -> SealedLetter:
    """Raises NotPrivateError, and what the method says of the model."""
    able = concealing(method, items)
    concealed = able.conceal(items, model, model_id, reply)
    return SealedLetter(network, able, concealed, inline)


def concealing(method: Method, items: Sequence[bytes]) -> Concealing:
    """The method, if it can hide such an input. Raises NotPrivateError."""
    if not isinstance(method, Concealing):
        raise NotPrivateError(f"method {method.name} shows inputs to others than the primary")
    if len(items) != 1:
        raise NotPrivateError(f"a private job has one input, not {len(items)}")
    return method
