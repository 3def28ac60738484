# SPDX-License-Identifier: Apache-2.0
"""The verdict of the contracts themselves, on a chain whose time is the moment in question."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from offchain_workers.chain.contracts.teeml import IntelCollateral, TeeContracts, deploy_tee
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.wallet import Wallet
from verifiers.teeml.appraisal import Appraisal
from verifiers.teeml.collateral import Collateral, Status
from verifiers.teeml.errors import ContractRefusedError, DisagreementError, TeeError
from verifiers.teeml.onchain import INTEL_WORDS, STATUSES, chosen, quote_words, root_words, steps
from verifiers.teeml.policy import Policy
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import INTEL, Root
from verifiers.teeml.verify import REFUSED, Verdict, appraise

_REVOKED = "tcb revoked"


def judge(
    w3: Web3,
    wallet: Wallet,
    quote: bytes,
    collateral: Collateral,
    policy: Policy | None = None,
    root: Root = INTEL,
) -> Verdict:
    """Deploys the contracts, feeds them ``collateral`` and asks for the quote's claims.

    The contracts decide. Advisories, which they don't keep, come from the signed texts that they
    accepted. Raises DisagreementError when this machine finds another status than theirs.
    """
    at = int(w3.eth.get_block("latest")["timestamp"])
    contracts = deploy_tee(w3, wallet, _root_words(root))
    try:
        status = _status(contracts, wallet, Quote.parse(quote), collateral)
    except TeeError as error:
        return Verdict(False, REFUSED, (), str(error))
    found = _appraised(status, quote, collateral, at, root)
    advisories = found.standing.advisories
    try:
        (policy or Policy()).check(found, at)
    except TeeError as error:
        return Verdict(False, status, advisories, str(error))
    return Verdict(True, status, advisories, "")


def _appraised(status: Status, *given: Any) -> Appraisal:
    try:
        found = appraise(*given)
    except TeeError as error:
        raise DisagreementError(f"{status} by the contracts, here {error}") from error
    if found.standing.status != status:
        raise DisagreementError(f"{status} by the contracts, here {found.standing.status}")
    return found


def _root_words(root: Root) -> tuple[Any, ...]:
    return root_words(root, root.until) if root.simulated else INTEL_WORDS


def _status(
    contracts: TeeContracts, wallet: Wallet, quote: Quote, collateral: Collateral
) -> Status:
    for step in steps(collateral):
        try:
            wallet.send(contracts.collateral.call(step.function, *step.args))
        except CallRevertedError as error:
            where = f"{IntelCollateral.NAME}.{step.function}"
            raise ContractRefusedError(f"{where}: {error.message}") from error
    try:
        claims = contracts.dcap.verify(quote_words(quote), chosen(collateral))
    except CallRevertedError as error:
        if error.message.endswith(_REVOKED):
            return Status.REVOKED
        raise ContractRefusedError(error.message) from error
    return STATUSES[claims.status]
