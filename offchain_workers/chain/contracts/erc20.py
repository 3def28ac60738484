# SPDX-License-Identifier: Apache-2.0
"""What we need of an ERC-20 token."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ContractWrapper


def _function(name: str, inputs: list[str], output: str, view: bool = True) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if view else "nonpayable",
        "inputs": [{"name": f"arg{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }


ABI = [
    _function("balanceOf", ["address"], "uint256"),
    _function("allowance", ["address", "address"], "uint256"),
    _function("approve", ["address", "uint256"], "bool", view=False),
]


class Erc20(ContractWrapper):
    """A token at an address that somebody named; amounts in base units."""

    NAME = "ERC-20 token"

    def __init__(self, w3: Web3, address: str) -> None:
        super().__init__(w3, address, ABI)

    def balance(self, account: str) -> int:
        return int(self.read("balanceOf", account))

    def allowance(self, owner: str, spender: str) -> int:
        return int(self.read("allowance", owner, spender))

    def approve(self, spender: str, amount: int) -> Call:
        return self.call("approve", spender, amount)
