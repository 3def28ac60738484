# SPDX-License-Identifier: Apache-2.0
"""TeemlVerifier: keys of enclaves, deliveries of method `teeml`, and how it gets onto a chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts.base import ZERO_ADDRESS, ContractWrapper
from offchain_workers.chain.contracts.deployment import Network, created_address, creation
from offchain_workers.chain.contracts.enclaves import DAY, Binding, Key, Policy, ResultDomain
from offchain_workers.chain.contracts.teeml import DcapVerifier, IntelCollateral, deploy_tee
from offchain_workers.chain.contracts.terms import JobTerms, selector_of
from offchain_workers.chain.wallet import Wallet

TEEML = selector_of("teeml")
FEE_BPS = 100
# An enclave signs for a whole batch at once: the market's own limit.
MAX_N = 512


@dataclass(frozen=True)
class TeemlParams:
    """Constructor choices, seconds: longest hold, and how long bonds outlive their keys, which is
    no less."""

    max_hold: int = 3 * DAY
    proof_seconds: int = 7 * DAY
    # EIP-2935, for anchors of up to 8,191 blocks; the zero address: 256.
    block_history: str = ZERO_ADDRESS

    @classmethod
    def development(cls) -> TeemlParams:
        """Short, so that a demo need not wait."""
        return cls(max_hold=600, proof_seconds=600)


class TeemlVerifier(ContractWrapper):
    NAME = "TeemlVerifier"

    @classmethod
    def of(cls, network: Network) -> TeemlVerifier | None:
        """The plug-in that the market lists; None on a market without `teeml`."""
        listed = network.marketplace.method(TEEML)
        return None if listed is None else cls(network.marketplace.w3, listed.plugin)

    def domain(self) -> ResultDomain:
        return ResultDomain(self.w3.eth.chain_id, self.address)

    def dcap(self) -> DcapVerifier:
        return DcapVerifier(self.w3, self.read("DCAP"))

    def collateral(self) -> IntelCollateral:
        return IntelCollateral(self.w3, self.read("COLLATERAL"))

    # --- calls --------------------------------------------------------------------------------

    def create_policy(self, policy: Policy) -> Call:
        return self.call("create_policy", policy.abi())

    def register(self, policy: Policy, evidence: Sequence[Any], binding: Binding) -> Call:
        """``evidence``: quote words, then what `onchain.chosen` says, then the measurement."""
        return self.call("register", policy.abi(), tuple(evidence), astuple(binding))

    def deliver(
        self, terms: JobTerms, key: str, output: bytes, signature: tuple[int, int, int]
    ) -> Call:
        return self.call("deliver", terms.abi(), key, output, signature)

    def deliver_quoted(
        self,
        terms: JobTerms,
        policy: Policy,
        evidence: Sequence[Any],
        operator: str,
        gpu_claims: bytes,
        output: bytes,
    ) -> Call:
        """``evidence`` as in ``register``; whose quote it is, ``operator``, is paid."""
        given = terms.abi(), policy.abi(), tuple(evidence), operator, gpu_claims, output
        return self.call("deliver_quoted", *given)

    def finalise(self, terms: JobTerms, output: bytes = b"") -> Call:
        return self.call("finalise", terms.abi(), output)

    def refute(self, terms: JobTerms) -> Call:
        return self.call("refute", terms.abi())

    def invalidate(self, policy_id: bytes, key: str) -> Call:
        return self.call("invalidate", policy_id, key)

    def excuse(self, terms: JobTerms, key: str) -> Call:
        return self.call("excuse", terms.abi(), key)

    def release(self, policy_id: bytes, key: str) -> Call:
        return self.call("release", policy_id, key)

    # --- views --------------------------------------------------------------------------------

    def key_of(self, policy_id: bytes, key: str) -> Key:
        """Raises CallRevertedError for a key that was never registered."""
        return Key(*self.read("key_of", policy_id, key))

    def is_live(self, policy_id: bytes, key: str) -> bool:
        return bool(self.read("is_live", policy_id, key))

    def claim_of(self, job_id: bytes) -> tuple[str, int] | None:
        """Key, and when the hold is over, of an answer under a hold."""
        key, final_at = self.read("claim_of", job_id)
        return (str(key), int(final_at)) if final_at else None


def deploy_teeml(
    w3: Web3,
    account: LocalAccount,
    network: Network,
    root: tuple[Any, ...],
    params: TeemlParams,
    report: Callable[[str, TxReceipt], None] = lambda contract, receipt: None,
) -> TeemlVerifier:
    """Five contracts and their listing, from the market's owner. Raises as ``deploy``.

    ``root`` as `verifiers.teeml.onchain` has it; the contracts refuse all but Intel's off
    development chains.
    """
    wallet = Wallet(w3, account)
    tee = deploy_tee(w3, wallet, root, report)
    address = created_address(account.address, wallet.nonce())
    where = network.marketplace.address, network.subnets.address, network.models.address
    given = params.max_hold, params.proof_seconds, params.block_history
    call = creation(w3, TeemlVerifier.NAME, *where, tee.dcap.address, *given)
    report(TeemlVerifier.NAME, wallet.create(call, address))
    # Hedged: the evidence names the worker.
    listing = (TEEML, address, MAX_N, params.max_hold, FEE_BPS, True)
    wallet.send(network.marketplace.call("add_method", *listing))
    return TeemlVerifier(w3, address)
