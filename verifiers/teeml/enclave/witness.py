# SPDX-License-Identifier: Apache-2.0
"""The hardware's word, with its GPUs' inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from offchain_workers.chain.hashing import keccak
from verifiers.teeml.gpus import Gpus
from verifiers.teeml.gpus.claims import nonce_of
from verifiers.teeml.providers import QuoteProvider

NO_GPU = bytes(32)


class Vouched(NamedTuple):
    """``gpu``: the file of claims that the quote is bound to, empty when GPUs are not asked."""

    quote: bytes
    gpu: bytes

    @property
    def gpu_claims(self) -> bytes:
        """As contracts have it."""
        return gpu_digest(self.gpu)


def gpu_digest(gpu: bytes) -> bytes:
    """Of a file of claims; zeros of none."""
    return keccak(gpu) if gpu else NO_GPU


class Witness:
    """``gpus`` None: policies that ask for them refuse what is quoted here."""

    def __init__(self, provider: QuoteProvider, gpus: Gpus | None = None) -> None:
        self._provider = provider
        self._gpus = gpus

    def vouch(self, bound: Callable[[bytes], bytes], second: bytes) -> Vouched:
        """A quote of ``bound`` the claims about GPUs, and of ``second``, 32 bytes each.

        The GPUs are asked about the same without claims: a nonce of this enclave's own choice,
        which nobody else's evidence answers. Raises the errors of provider and ``Gpus``.
        """
        gpu = b""
        if self._gpus is not None:
            gpu = self._gpus.claims(nonce_of(bound(NO_GPU), second)).encode()
        evidence = self._provider.quote(bound(gpu_digest(gpu)) + second)
        return Vouched(evidence.quote, gpu)
