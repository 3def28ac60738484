# SPDX-License-Identifier: Apache-2.0
"""A small contract that logs, reverts in every way, calls P-256 and reads old block hashes."""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from offchain_workers.devnet import Devnet

PROBE = """
# pragma version ~=0.4.3
event Noted:
    who: indexed(address)
    what: indexed(uint256)
    text: String[32]

counter: public(uint256)

@external
def note(what: uint256, times: uint256):
    for i: uint256 in range(times, bound=16):
        log Noted(who=msg.sender, what=what, text="hello")
    self.counter += 1

@external
def refuse():
    raise "not today"

@external
def spin():
    for i: uint256 in range(1_000_000):
        self.counter += 1

@external
@view
def p256(data: Bytes[161]) -> Bytes[32]:
    return raw_call(
        0x0000000000000000000000000000000000000100, data, max_outsize=32, is_static_call=True
    )

@external
def p256_logged(data: Bytes[161]):
    raw_call(0x0000000000000000000000000000000000000100, data)
    self.counter += 1

@external
@view
def old_hash(number: uint256) -> bytes32:
    out: Bytes[32] = raw_call(
        0x0000F90827F1C53a10cb7A02335B175320002935,
        abi_encode(number),
        max_outsize=32,
        is_static_call=True,
    )
    return convert(out, bytes32)

@external
@view
def now() -> uint256:
    return block.timestamp

@external
def frugal(needed: uint256):
    assert msg.gas > needed, "too little gas"
    self.counter += 1
"""


class Chain:
    """web3 on a development chain with the probe deployed and one paying account."""

    def __init__(self, devnet: Devnet, compiled: dict[str, Any]) -> None:
        self.devnet = devnet
        self.w3 = Web3(Web3.HTTPProvider(devnet.url))
        self.account = devnet.accounts[0]
        factory = self.w3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
        receipt = self.send(factory.constructor())
        self.probe: Contract = self.w3.eth.contract(receipt["contractAddress"], abi=compiled["abi"])

    def send(self, call: Any, **fields: Any) -> TxReceipt:
        """Send a contract call, signed here; its receipt whatever the outcome."""
        transaction = call.build_transaction(self.fields(**fields))
        return self.send_raw(self.sign(transaction))

    def fields(self, **fields: Any) -> dict[str, Any]:
        nonce = self.w3.eth.get_transaction_count(self.account.address, "pending")
        return {"from": self.account.address, "nonce": nonce, "chainId": 31337} | fields

    def sign(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self.account.sign_transaction(transaction).raw_transaction)

    def send_raw(self, raw: bytes) -> TxReceipt:
        return self.w3.eth.wait_for_transaction_receipt(self.w3.eth.send_raw_transaction(raw))
