# SPDX-License-Identifier: Apache-2.0
"""What a verification method must offer in Python for a worker to serve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Network


class Method(Protocol):
    """One method's Python side. Stateless: everything comes through the arguments."""

    @property
    def name(self) -> str:
        """As in ``selector_of(name)``."""
        ...

    @property
    def selector(self) -> bytes:
        """The 4 bytes under which the market lists it."""
        ...

    def commit_input(self, items: Sequence[bytes]) -> bytes:
        """The ``input_commitment`` that terms over these items (wire bytes) must have."""
        ...

    def check_terms(self, terms: JobTerms) -> str | None:
        """Why the method can't serve such terms, None when it can."""
        ...

    def delivery_gas(self, terms: JobTerms, output_bytes: int) -> int:
        """Gas that a delivery is expected to use, without the callback's."""
        ...

    def deliver(
        self,
        network: Network,
        terms: JobTerms,
        operator: str,
        output: bytes,
        inputs: Sequence[bytes],
    ) -> Call:
        """The delivery with its evidence. May take long; raises FusionError."""
        ...

    def follow_up(self, network: Network, terms: JobTerms, operator: str) -> Sequence[Call]:
        """The calls that ``operator``'s pending claim needs now, by the chain's clock: answer a
        challenge, finalise. Empty when nothing is due yet.

        A worker asks from its loop, about once a block while the claim is pending, after a restart
        too: read the chain, compute little. What is returned is sent at once, so only what would go
        through in the next block. Returning the same call again does no harm: each ``data`` is sent
        once per job, and a few times more if the chain refuses it. May raise FusionError.
        """
        ...
