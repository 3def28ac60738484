# SPDX-License-Identifier: Apache-2.0
"""What the transaction manager sees in one step: one block that all endpoints agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from offchain_workers.chain.endpoint import EndpointFaultError, Fault, quantity
from offchain_workers.chain.errors import RpcUnavailableError
from offchain_workers.chain.fees import suggested_tip
from offchain_workers.chain.header import Header
from offchain_workers.chain.reverts import is_revert
from offchain_workers.chain.rpc import RpcPool, unwrap


@dataclass(frozen=True)
class Receipt:
    """What of a receipt decides an outcome."""

    block_number: int
    block_hash: bytes
    ok: bool
    gas_used: int


@dataclass(frozen=True)
class Verdict:
    """What a simulated call came to; ``error`` is the node's error object."""

    kind: Literal["ok", "revert", "refused"]
    error: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Vantage:
    """Questions about one account, answered as of block ``number``, alike by every endpoint.

    ``extends`` tells whether the chain only grew since the look ``before``.
    Raises EndpointsDisagreeError from any question, RpcUnavailableError when the block is gone.
    """

    def __init__(self, pool: RpcPool, account: str, before: Vantage | None = None) -> None:
        pool.refresh()
        pool.require_agreement()
        self._pool = pool
        self._account = account
        self.number = pool.common_height
        header = pool.header(self.number)
        if header is None:
            raise RpcUnavailableError(f"block {self.number} vanished while we looked")
        self.header: Header = header
        self.nonce = self.nonce_at(0)
        self._hashes = {self.number: header.hash}
        self._receipts: dict[bytes, Receipt | None] = {}
        self.extends = before is not None and self._descends_from(before)

    def nonce_at(self, depth: int) -> int:
        """How many transactions of the account were mined ``depth`` blocks ago."""
        block = hex(max(0, self.number - depth))
        return self._quantity("eth_getTransactionCount", [self._account, block])

    def hash_at(self, number: int) -> bytes | None:
        """Of the chain's block at that height; None while there is none."""
        if number not in self._hashes:
            header = self._pool.header(number)
            if header is None:
                return None
            self._hashes[number] = header.hash
        return self._hashes[number]

    @cached_property
    def tip(self) -> int:
        """What to offer on top of the base fee, wei per gas."""
        return suggested_tip(self._pool)

    @cached_property
    def balance(self) -> int:
        """In wei."""
        return self._quantity("eth_getBalance", [self._account, hex(self.number)])

    def simulate(self, call: Mapping[str, Any]) -> Verdict:
        """Whether a call would go through in the next block."""
        return self._pool.agreed("eth_call", [call, hex(self.number)], _verdict)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """None while not mined up to this block."""
        if tx_hash not in self._receipts:
            self.look_up([tx_hash])
        return self._receipts[tx_hash]

    def look_up(self, hashes: Sequence[bytes]) -> None:
        """Get the receipts of several transactions at once, for ``receipt``."""
        many = [["0x" + tx_hash.hex()] for tx_hash in hashes]
        found = self._pool.agreed_all("eth_getTransactionReceipt", many, self._visible)
        self._receipts.update(zip(hashes, found, strict=True))

    def _descends_from(self, before: Vantage) -> bool:
        return before.number <= self.number and self.hash_at(before.number) == before.header.hash

    def _visible(self, answer: Mapping[str, Any]) -> Receipt | None:
        """Blocks above ours don't count yet: endpoints reach them at different moments."""
        receipt = _receipt(answer.get("result"))
        if receipt is None or receipt.block_number > self.number:
            return None
        return receipt if receipt.block_hash == self.hash_at(receipt.block_number) else None

    def _quantity(self, method: str, params: list[Any]) -> int:
        return self._pool.agreed(method, params, lambda answer: quantity(unwrap(method, answer)))


def _verdict(answer: Mapping[str, Any]) -> Verdict:
    if "error" not in answer:
        return Verdict("ok")
    return Verdict("revert" if is_revert(answer["error"]) else "refused", answer["error"])


def _receipt(result: Mapping[str, Any] | None) -> Receipt | None:
    if not result or not result.get("blockHash"):
        return None
    try:
        return Receipt(
            block_number=int(result["blockNumber"], 16),
            block_hash=bytes.fromhex(result["blockHash"].removeprefix("0x")),
            ok=int(result["status"], 16) == 1,
            gas_used=int(result["gasUsed"], 16),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EndpointFaultError(Fault.GARBAGE, f"a receipt can't be read: {error!r}") from error
