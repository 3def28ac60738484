# SPDX-License-Identifier: Apache-2.0
"""The contracts that verify quotes: IntelCollateral, DcapVerifier and the parsers they call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.types import TxReceipt

from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.contracts.deployment import created_address, creation
from offchain_workers.chain.wallet import Wallet


@dataclass(frozen=True)
class Claims:
    """What a quote proves, as interfaces/IDcapVerifier.vyi says; times in Unix seconds."""

    version: int
    tdx: bool
    status: int
    measurement: bytes
    runtime_measurement: bytes
    report_data: tuple[bytes, bytes]
    svn: int
    fmspc: int
    platform: bytes
    issuer: bytes
    serial: int
    evaluation: int
    issued: int
    until: int
    simulated: bool


class IntelCollateral(ContractWrapper):
    """Takes collateral from anyone; its calls are those of `verifiers.teeml.onchain.steps`."""

    NAME = "IntelCollateral"


class DcapVerifier(ContractWrapper):
    NAME = "DcapVerifier"

    def verify(self, quote: tuple[Any, ...], chosen: tuple[bytes, int, int]) -> Claims:
        """At the latest block's time. Raises CallRevertedError."""
        return Claims(*self.read("verify", quote, *chosen))


@dataclass(frozen=True)
class TeeContracts:
    """A deployment of them."""

    collateral: IntelCollateral
    dcap: DcapVerifier


def deploy_tee(
    w3: Web3,
    wallet: Wallet,
    root: tuple[Any, ...],
    report: Callable[[str, TxReceipt], None] = lambda contract, receipt: None,
) -> TeeContracts:
    """Four transactions; ``root`` as `verifiers.teeml.onchain` has it. Raises as ``Wallet``."""

    def create(name: str, *args: Any) -> str:
        address = created_address(wallet.address, wallet.nonce())
        report(name, wallet.create(creation(w3, name, *args), address))
        return address

    certificates, documents = create("CertificateParser"), create("TcbParser")
    collateral = create(IntelCollateral.NAME, certificates, documents, root)
    dcap = create(DcapVerifier.NAME, collateral)
    return TeeContracts(IntelCollateral(w3, collateral), DcapVerifier(w3, dcap))
