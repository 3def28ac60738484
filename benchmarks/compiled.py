# SPDX-License-Identifier: Apache-2.0
"""Contracts that no package ships: tests' tokens and plug-ins, compiled as the shipped ones are."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from eth_account.signers.local import LocalAccount

from benchmarks import ROOT
from benchmarks.pinned import PinnedChain
from offchain_workers.chain.call import Call
from scripts.build_artifacts import compile_contract


class Factory:
    """Deploys one contract by its source and calls it."""

    def __init__(self, chain: PinnedChain, source: Path) -> None:
        artifact = _artifact(source)
        self._chain = chain
        self._contract = chain.w3.eth.contract(
            abi=cast(Any, artifact["abi"]), bytecode=artifact["bytecode"]
        )

    def deploy(self, sender: LocalAccount, *args: Any) -> str:
        """The new contract's address."""
        code = self._contract.constructor(*args).data_in_transaction
        receipt = self._chain.send(sender, Call("", bytes.fromhex(code.removeprefix("0x"))))
        return str(receipt["contractAddress"])

    def call(self, address: str, function: str, *args: Any) -> Call:
        """A call of a function that changes state."""
        data = self._contract.encode_abi(function, args=list(args))
        return Call(address, bytes.fromhex(data.removeprefix("0x")))


@cache
def _artifact(source: Path) -> dict[str, Any]:
    return compile_contract(ROOT, source)
