# SPDX-License-Identifier: Apache-2.0
"""`fusion deploy`: put the contracts on a chain, list the methods, write down where they are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import Signer
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from eth_account.signers.local import LocalAccount
    from web3 import Web3
    from web3.types import TxReceipt

    from offchain_workers.chain.contracts import ChainParams, Network
    from offchain_workers.chain.contracts.opml import OpmlParams
    from offchain_workers.chain.contracts.teeml_verifier import TeemlParams

_LABELS = {
    "marketplace": "JobMarketplace",
    "models": "ModelRegistry",
    "subnets": "SubnetRegistry",
    "opml": "OpmlVerifier",
    "audits": "OpmlAudits, the fund",
    "zkml": "ZkmlVerifier",
    "teeml": "TeemlVerifier",
    "owner": "Owner",
    "chain_id": "Chain",
    "start_block": "Start block",
    "gas": "Gas",
    "path": "Written to",
}


class Params(StrEnum):
    """Sets of constructor arguments."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class TeeRoot(StrEnum):
    """Whose word counts for enclaves."""

    INTEL = "intel"
    SIMULATED = "simulated"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "deploy")(deploy)


def deploy(
    run: Run,
    params: Annotated[
        Params | None,
        typer.Option(
            "--params",
            help="Epochs, delays and stakes (default: development on a development chain).",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where to write the addresses.")
    ] = Path("deployment.json"),
    yes: Annotated[
        bool, typer.Option("--yes", help="Use development parameters on any chain.")
    ] = False,
    tee_root: Annotated[
        TeeRoot | None,
        typer.Option(
            "--tee-root",
            help="Root that enclaves are trusted by (default: simulated on a development chain).",
        ),
    ] = None,
    account: Signer = None,
) -> None:
    """Deploy the contracts; the account becomes the market's owner."""
    from offchain_workers.chain.contracts import deploy as deploy_contracts
    from offchain_workers.chain.contracts.opml import OpmlVerifier
    from offchain_workers.chain.wallet import Wallet
    from offchain_workers.cli.deployment_file import check_free, describe, write
    from offchain_workers.cli.network import open_pool, unlock
    from offchain_workers.cli.progress import say, waiting
    from offchain_workers.cli.sending import Sent

    check_free(out)
    settings = run.settings({"account": {"keystore": account}} if account else None)
    pool = open_pool(run, settings, settings.chain.chain_id)
    chosen = _params(params, pool.chain_id, yes)
    root = _tee_root(tee_root, pool.chain_id)
    owner = unlock(settings)
    if not Wallet(pool.w3, owner).balance():
        raise FusionError("MN-CLI-012", f"{owner.address} holds no coins to pay for gas")
    sent: list[Sent] = []

    def report(contract: str, receipt: TxReceipt) -> None:
        sent.append(Sent.of(f"deploy {contract}", receipt))
        say(run, sent[-1].line())

    with waiting(run, "deploying SubnetRegistry, ModelRegistry, JobMarketplace"):
        network = deploy_contracts(pool.w3, owner, chosen, report)
    methods = _deploy_methods(run, pool.w3, owner, network, chosen, root, report)
    document = describe(network, pool.chain_id, chosen, owner.address, methods)
    write(out, document)
    audits = OpmlVerifier(pool.w3, methods["opml"]).read("AUDITS")
    data = document | {"audits": audits, "transactions": sent, "path": out.absolute()}
    emit(run, data, lambda: fields(_flat(data), _LABELS))


def _deploy_methods(
    run: Run,
    w3: Web3,
    owner: LocalAccount,
    network: Network,
    chosen: ChainParams,
    root: tuple[Any, ...],
    report: Callable[[str, TxReceipt], None],
) -> dict[str, str]:
    """Their plug-ins by name."""
    from offchain_workers.chain.contracts.opml import deploy_opml
    from offchain_workers.chain.contracts.teeml_verifier import deploy_teeml
    from offchain_workers.chain.contracts.zkml import deploy_zkml
    from offchain_workers.cli.progress import waiting
    from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2

    with waiting(run, "deploying method opml"):
        opml = deploy_opml(w3, owner, network, _opml_params(chosen), report)
    with waiting(run, "deploying method zkml"):
        zkml = deploy_zkml(w3, owner, network, report, CEREMONY_NEG_TAU_G2)
    with waiting(run, "deploying method teeml"):
        teeml = deploy_teeml(w3, owner, network, root, _teeml_params(chosen), report)
    return {"opml": opml.address, "zkml": zkml.address, "teeml": teeml.address}


def _params(wanted: Params | None, chain_id: int, yes: bool) -> ChainParams:
    from offchain_workers.chain.contracts import ChainParams
    from offchain_workers.chain.development import DEVELOPMENT_CHAINS

    development = chain_id in DEVELOPMENT_CHAINS
    if wanted is None:
        wanted = Params.DEVELOPMENT if development else Params.PRODUCTION
    if wanted is Params.PRODUCTION:
        return ChainParams()
    if not development and not yes:
        raise FusionError(
            "MN-CLI-011",
            f"chain {chain_id} is no development chain: stake there could leave within a minute; "
            "use --params production, or --yes if you mean it",
        )
    return ChainParams.development()


def _opml_params(chosen: ChainParams) -> OpmlParams:
    """Short windows go with short epochs."""
    from offchain_workers.chain.contracts import ChainParams
    from offchain_workers.chain.contracts.opml import OpmlParams

    development = chosen == ChainParams.development()
    return OpmlParams.development() if development else OpmlParams()


def _teeml_params(chosen: ChainParams) -> TeemlParams:
    from offchain_workers.chain.contracts import ChainParams
    from offchain_workers.chain.contracts.teeml_verifier import TeemlParams

    if chosen == ChainParams.development():
        return TeemlParams.development()
    return TeemlParams(block_history=chosen.block_history)


def _tee_root(wanted: TeeRoot | None, chain_id: int) -> tuple[Any, ...]:
    """For the contracts, which check the same. Raises MN-CLI-033."""
    from offchain_workers.chain.development import DEVELOPMENT_CHAINS
    from verifiers.teeml.onchain import INTEL_WORDS, root_words
    from verifiers.teeml.simulated import Authority

    development = chain_id in DEVELOPMENT_CHAINS
    if wanted is TeeRoot.INTEL or (wanted is None and not development):
        return INTEL_WORDS
    if not development:
        raise FusionError(
            "MN-CLI-033",
            f"chain {chain_id} is no development chain: anyone can make quotes under the simulated "
            "root; leave --tee-root out, or say intel",
        )
    authority = Authority()
    return root_words(authority.trust, authority.until)


def _flat(data: dict[str, Any]) -> dict[str, Any]:
    gas = sum(sent.gas for sent in data["transactions"])
    return {**data, **data["addresses"], **data["methods"], "gas": f"{gas:,}"}
