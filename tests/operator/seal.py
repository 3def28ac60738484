# SPDX-License-Identifier: Apache-2.0
"""A verification method that the package does not know: the evidence is a hash of the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import vyper
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Network
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.wallet import Wallet
from verifiers.none import NoneMethod

SEAL = selector_of("seal")
SOURCE = """
# pragma version ~=0.4.3
struct JobTerms:
    requester: address
    model_id: bytes32
    artifact_id: bytes32
    selector: bytes4
    subnet_id: bytes32
    input_commitment: bytes32
    token: address
    max_price: uint256
    callback_target: address
    decision_hash: bytes32
    salt: bytes32
    conditions: uint256

interface Market:
    def paid(terms: JobTerms, operator: address, output: Bytes[16384]): nonpayable

MARKET: immutable(address)

@deploy
def __init__(market: address):
    MARKET = market

@external
def deliver(terms: JobTerms, output: Bytes[16384], seal: bytes32):
    assert seal == keccak256(concat(b"seal", output)), "seal"
    extcall Market(MARKET).paid(terms, msg.sender, output)
"""
CODE: dict[str, Any] = vyper.compile_code(SOURCE, output_formats=["abi", "bytecode"])


def install(network: Network, owner: LocalAccount) -> None:
    """Deploy the plug-in and list it in the market."""
    market = network.marketplace
    factory = market.w3.eth.contract(abi=CODE["abi"], bytecode=CODE["bytecode"])
    creation = factory.constructor(market.address).data_in_transaction
    wallet = Wallet(market.w3, owner)
    plugin = wallet.send(Call("", bytes.fromhex(creation[2:])))["contractAddress"]
    wallet.send(market.call("add_method", SEAL, plugin, 1, 0, 0, False))


class SealMethod(NoneMethod):
    """What a worker needs of it."""

    name = "seal"
    selector = SEAL

    def deliver(
        self,
        network: Network,
        terms: JobTerms,
        operator: str,
        output: bytes,
        inputs: Sequence[bytes],
    ) -> Call:
        """To the method's own contract, with typed evidence."""
        listed = network.marketplace.method(SEAL)
        assert listed is not None
        contract = network.marketplace.w3.eth.contract(abi=cast(Any, CODE["abi"]))
        seal = keccak(b"seal" + output)
        data = contract.encode_abi("deliver", args=[terms.abi(), output, seal])
        return Call(listed.plugin, bytes.fromhex(data[2:]))
