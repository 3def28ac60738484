# SPDX-License-Identifier: Apache-2.0
"""How fast bare transactions go out through web3.py: the yardstick for jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

GWEI = 10**9
FEES = {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": GWEI}
WAIT_SECONDS = 300.0
# Seldom enough that looking takes little of the processors which are being measured.
LOOK_SECONDS = 0.02


class Sender:
    """One funded account on one chain."""

    def __init__(self, url: str, account: LocalAccount) -> None:
        self.w3 = Web3(HTTPProvider(url))
        self.account = account
        self._signing = SignAndSendRawMiddlewareBuilder.build(account)

    def nonce(self) -> int:
        return self.w3.eth.get_transaction_count(self.account.address)

    def signed(self, nonce: int, gas: int, **fields: Any) -> bytes:
        """A transaction ready to go."""
        chain_id = self.w3.eth.chain_id
        whole = {**FEES, "type": 2, "chainId": chain_id, "nonce": nonce, "gas": gas, **fields}
        return bytes(self.account.sign_transaction(whole).raw_transaction)

    def plain_rate(self, count: int) -> float:
        """Transfers of nothing a second, by `send_transaction`: web3.py asks for nonce, gas and
        fees and signs; one after another, until the last is mined."""
        self.w3.middleware_onion.inject(self._signing, layer=0)
        transfer: Any = {"from": self.account.address, "to": self.account.address, "value": 0}
        rate = self._rate(count, lambda _: self.w3.eth.send_transaction(transfer))
        self.w3.middleware_onion.remove(self._signing)
        return rate

    def raw_rate(self, count: int) -> float:
        """The same with everything signed beforehand: one request for each."""
        first = self.nonce()
        to = self.account.address
        ready = [self.signed(first + i, 21_000, to=to, value=0) for i in range(count)]
        return self._rate(count, lambda i: self.w3.eth.send_raw_transaction(ready[i]))

    def _rate(self, count: int, send: Callable[[int], Any]) -> float:
        goal = self.nonce() + count
        begin = time.perf_counter()
        for i in range(count):
            send(i)
        await_nonce(self.w3, self.account.address, goal)
        return count / (time.perf_counter() - begin)


def await_nonce(w3: Web3, address: Any, goal: int) -> None:
    """Return once so many transactions of the account are mined. Raises TimeoutError."""
    deadline = time.monotonic() + WAIT_SECONDS
    while w3.eth.get_transaction_count(address) < goal:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{address} has not sent {goal} transactions")
        time.sleep(LOOK_SECONDS)
