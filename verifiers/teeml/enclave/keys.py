# SPDX-License-Identifier: Apache-2.0
"""The enclave's keys: made in its memory, one pair for each registration, never shown."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from offchain_workers.sealing import SealingKey
from verifiers.teeml.errors import EnclaveKeyError
from verifiers.teeml.providers import Evidence, QuoteProvider
from verifiers.teeml.statements import Binding

# An older one can no longer be asked for: keys live a week at the most.
_MOST_KEYS = 64


@dataclass(frozen=True)
class EnclaveKey:
    """A pair of keys, for results and for private inputs, and for what they were quoted."""

    signer: LocalAccount
    sealing: SealingKey
    binding: Binding

    @property
    def address(self) -> str:
        return str(self.signer.address)

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """v, r and s, s low."""
        signed = self.signer.unsafe_sign_hash(Hash32(digest))
        return signed.v, signed.r, signed.s


class Keyring:
    """Used from several threads."""

    def __init__(self, provider: QuoteProvider) -> None:
        self._provider = provider
        self._keys: OrderedDict[str, EnclaveKey] = OrderedDict()
        self._lock = threading.Lock()

    def attest(self, binding: Binding) -> tuple[EnclaveKey, Evidence]:
        """A new pair and the hardware's word for it. Raises the provider's errors."""
        key = EnclaveKey(Account.create(), SealingKey.generate(), binding)
        evidence = self._provider.quote(binding.report_data(key.address, key.sealing.public))
        with self._lock:
            self._keys[key.address] = key
            while len(self._keys) > _MOST_KEYS:
                self._keys.popitem(last=False)
        return key, evidence

    def get(self, address: str) -> EnclaveKey:
        """Raises EnclaveKeyError."""
        found = self._keys.get(address)
        if found is None:
            raise EnclaveKeyError(f"the enclave has no key {address}: it was started anew")
        return found

    def alike(self, key: EnclaveKey) -> list[EnclaveKey]:
        """All for the same chain, contract, policy and operator, the newest first."""
        with self._lock:
            found = [one for one in self._keys.values() if one.binding.purpose == key.binding.purpose]
        return found[::-1]

    def addresses(self) -> list[str]:
        """Oldest first."""
        with self._lock:
            return list(self._keys)
