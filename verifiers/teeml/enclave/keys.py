# SPDX-License-Identifier: Apache-2.0
"""The enclave's keys: made in its memory, one pair for each registration, never shown."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts.enclaves import Binding, Result, ResultDomain
from offchain_workers.sealing import SealingKey
from verifiers.teeml.enclave.witness import Vouched, Witness
from verifiers.teeml.errors import EnclaveKeyError

# Of one purpose. Keys are never dropped for another purpose's sake: a policy whose keys are short
# of life, or refused by the chain, must not cost what is promised under the others.
_MOST_KEYS = 64


@dataclass(frozen=True)
class Purpose:
    """For what a key is made. Keys of one purpose may stand in for one another."""

    domain: ResultDomain
    policy: bytes
    operator: str


@dataclass(frozen=True)
class Anchor:
    """A recent block, so that a quote can't be older; its hash is the quote's second half."""

    number: int
    block_hash: bytes


@dataclass(frozen=True)
class EnclaveKey:
    """A pair of keys: for results, and for private inputs."""

    signer: LocalAccount
    sealing: SealingKey
    purpose: Purpose

    @property
    def address(self) -> str:
        return str(self.signer.address)

    def binding(self, manifest: bytes, gpu_claims: bytes, anchor: int) -> Binding:
        """What its quote vouches for."""
        return Binding(
            self.purpose.operator, self.address, self.sealing.public, gpu_claims, manifest, anchor
        )

    def sign(self, result: Result) -> tuple[int, int, int]:
        """v, r and s, s low."""
        return self.purpose.domain.sign(self.signer, result)


class Keyring:
    """Used from several threads."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._keys: OrderedDict[str, EnclaveKey] = OrderedDict()
        self._lock = threading.Lock()

    def attest(
        self, purpose: Purpose, manifest: bytes, anchor: Anchor, again: str = ""
    ) -> tuple[EnclaveKey, Vouched]:
        """A new pair and the hardware's word for it; or a fresh word for the pair ``again``, which
        is of that purpose. Raises EnclaveKeyError, the witness's errors."""
        key = self._again(purpose, again) if again else _made(purpose)

        def bound(gpu_claims: bytes) -> bytes:
            binding = key.binding(manifest, gpu_claims, anchor.number)
            return purpose.domain.binding_hash(purpose.policy, binding)

        vouched = self._witness.vouch(bound, anchor.block_hash)
        with self._lock:
            self._keys[key.address] = key
            same = [one for one, kept in self._keys.items() if kept.purpose == purpose]
            for oldest in same[:-_MOST_KEYS]:
                del self._keys[oldest]
        return key, vouched

    def _again(self, purpose: Purpose, address: str) -> EnclaveKey:
        key = self.get(address)
        if key.purpose != purpose:
            raise EnclaveKeyError(f"key {address} was made for another policy or operator")
        return key

    def get(self, address: str) -> EnclaveKey:
        """Raises EnclaveKeyError."""
        found = self._keys.get(address)
        if found is None:
            raise EnclaveKeyError(f"the enclave has no key {address}: it was started anew")
        return found

    def alike(self, key: EnclaveKey) -> list[EnclaveKey]:
        """All of the same purpose, the newest first."""
        with self._lock:
            found = [one for one in self._keys.values() if one.purpose == key.purpose]
        return found[::-1]

    def addresses(self) -> list[str]:
        """Oldest first."""
        with self._lock:
            return list(self._keys)


def _made(purpose: Purpose) -> EnclaveKey:
    return EnclaveKey(Account.create(), SealingKey.generate(), purpose)
