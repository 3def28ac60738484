# SPDX-License-Identifier: Apache-2.0
"""ZkmlVerifier: deliveries of method `zkml` with their proofs, and how it gets onto a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ZERO_ADDRESS, ContractWrapper
from offchain_workers.chain.contracts.deployment import Network, created_address, creation
from offchain_workers.chain.contracts.terms import JobTerms, selector_of
from offchain_workers.chain.wallet import Wallet

ZKML = selector_of("zkml")
FEE_BPS = 100
HALO2 = "Halo2Verifier"
# ERC-5202, version 0, no data.
_BLUEPRINT_MARK = bytes.fromhex("fe7100")


class ZkmlVerifier(ContractWrapper):
    NAME = "ZkmlVerifier"

    @classmethod
    def of(cls, network: Network) -> ZkmlVerifier | None:
        """The plug-in that the market lists; None on a market without `zkml`."""
        listed = network.marketplace.method(ZKML)
        return None if listed is None else cls(network.marketplace.w3, listed.plugin)

    def deliver(
        self, terms: JobTerms, circuit: Sequence[Any], proof: bytes, instances: Sequence[int]
    ) -> Call:
        """``circuit`` as IZkmlVerifier has it."""
        return self.call("deliver", terms.abi(), tuple(circuit), proof, list(instances))

    def add_setup(self, neg_tau_g2: Sequence[int]) -> Call:
        return self.call("add_setup", list(neg_tau_g2))

    def add_program(self, program: str) -> Call:
        return self.call("add_program", program)

    def verifier_of(self, setup: bytes) -> str | None:
        return _address(self.read("verifier_of", setup))

    def program_of(self, code_hash: bytes) -> str | None:
        return _address(self.read("program_of", code_hash))


class Halo2Verifier(ContractWrapper):
    NAME = HALO2

    def neg_tau_g2(self) -> tuple[int, ...]:
        """-[tau]G2 of its setup."""
        return tuple(self.read("neg_tau_g2"))


def _address(found: Any) -> str | None:
    return None if found == ZERO_ADDRESS else str(found)


def data_contract(code: bytes) -> Call:
    """The call that creates a contract with just this code, at most 65,535 bytes."""
    # PUSH2 size, DUP1, PUSH1 offset, PUSH0, CODECOPY, PUSH0, RETURN
    return Call("", bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code)


def place_circuit(
    wallet: Wallet,
    verifier: ZkmlVerifier,
    code: bytes,
    neg_tau_g2: Sequence[int],
    report: Callable[[str, TxReceipt], object] = lambda what, receipt: None,
) -> None:
    """The program as a data contract, and the verifier of its setup, unless they are there.

    Raises CallRevertedError for a development setup on another chain, and as ``Wallet.send``.
    """
    if verifier.verifier_of(keccak(encode(["uint256[4]"], [list(neg_tau_g2)]))) is None:
        report("add the setup", wallet.send(verifier.add_setup(neg_tau_g2)))
    if verifier.program_of(keccak(code)) is None:
        program = created_address(wallet.address, wallet.nonce())
        report("store the program", wallet.create(data_contract(code), program))
        report("add the program", wallet.send(verifier.add_program(program)))


def deploy_zkml(
    w3: Any,
    account: LocalAccount,
    network: Network,
    report: Callable[[str, TxReceipt], None] = lambda contract, receipt: None,
    ceremony: Sequence[int] | None = None,
) -> ZkmlVerifier:
    """Two contracts and their listing, from the market's owner. Raises as ``deploy``.

    ``ceremony``: -[tau]G2 of the setup whose verifier is made at once; others may be later.
    """
    wallet = Wallet(w3, account)

    def create(name: str, call: Call) -> str:
        address = created_address(account.address, wallet.nonce())
        report(name, wallet.create(call, address))
        return address

    # The constructor's argument comes from the plug-in, one verifier a setup.
    halo2 = creation(w3, HALO2, [0] * 4).data[: -4 * 32]
    blueprint = create(HALO2, data_contract(_BLUEPRINT_MARK + halo2))
    parts = network.marketplace.address, network.models.address
    address = create(ZkmlVerifier.NAME, creation(w3, ZkmlVerifier.NAME, *parts, blueprint))
    verifier = ZkmlVerifier(w3, address)
    if ceremony is not None:
        wallet.send(verifier.add_setup(ceremony))
    # No hedge: a proof names no worker, so only the primary may use it at first.
    wallet.send(network.marketplace.call("add_method", ZKML, address, 1, 0, FEE_BPS, False))
    return verifier
