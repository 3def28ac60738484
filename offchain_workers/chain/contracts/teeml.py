# SPDX-License-Identifier: Apache-2.0
"""The contracts that verify quotes: IntelCollateral, DcapVerifier and the parsers they call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from web3 import Web3

from offchain_workers.chain.contracts.base import ContractWrapper
from offchain_workers.chain.contracts.deployment import Network, created_address, creation
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.wallet import Wallet

TEEML = selector_of("teeml")


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


def deploy_tee(w3: Web3, wallet: Wallet, root: tuple[Any, ...]) -> TeeContracts:
    """Four transactions; ``root`` as `verifiers.teeml.onchain` has it. Raises as ``Wallet``."""
    certificates = _create(w3, wallet, "CertificateParser")
    documents = _create(w3, wallet, "TcbParser")
    collateral = _create(w3, wallet, IntelCollateral.NAME, certificates, documents, root)
    dcap = _create(w3, wallet, DcapVerifier.NAME, collateral)
    return TeeContracts(IntelCollateral(w3, collateral), DcapVerifier(w3, dcap))


def _create(w3: Web3, wallet: Wallet, name: str, *args: Any) -> str:
    address = created_address(wallet.address, wallet.nonce())
    wallet.create(creation(w3, name, *args), address)
    return address


class TeemlVerifier(ContractWrapper):
    NAME = "TeemlVerifier"

    @classmethod
    def of(cls, network: Network) -> TeemlVerifier | None:
        listed = network.marketplace.method(TEEML)
        return None if listed is None else cls(network.marketplace.w3, listed.plugin)
