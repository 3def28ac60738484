# SPDX-License-Identifier: Apache-2.0
"""A plain ERC-20, compiled for the tests."""

from __future__ import annotations

import vyper
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

SOURCE = """
# pragma version ~=0.4.3
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])

@deploy
def __init__(supply: uint256):
    self.balanceOf[msg.sender] = supply

@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True

@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.allowance[owner][msg.sender] -= amount
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    return True
"""


def deploy_token(url: str, owner: LocalAccount, supply: int) -> str:
    """Its address; ``owner`` has all of it."""
    compiled = vyper.compile_code(SOURCE, output_formats=["abi", "bytecode"])
    w3 = Web3(HTTPProvider(url))
    factory = w3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    sent = factory.constructor(supply).transact({"from": owner.address})
    return str(w3.eth.wait_for_transaction_receipt(sent)["contractAddress"])
