# SPDX-License-Identifier: Apache-2.0
"""`ape run deploy --network ...`: the contracts, compiled here, from an account of ape's.

On ape's test networks its first test account signs. `fusion deploy` does the same with the compiled
contracts that ship in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import click
from ape import accounts, chain, project
from ape.cli import ConnectedProviderCommand, network_option

from offchain_workers.chain.contracts import ChainParams, Network
from offchain_workers.chain.contracts.deployment import created_address
from offchain_workers.chain.contracts.opml import OPML, OpmlParams
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.cli.deployment_file import check_free, describe, write

PARAMS = {
    "development": (ChainParams.development(), OpmlParams.development()),
    "production": (ChainParams(), OpmlParams()),
}


# No dataclass: ape runs a script without registering its module, which dataclasses need.
class Deployed(NamedTuple):
    """The contracts as ape has them."""

    subnets: Any
    models: Any
    marketplace: Any


def deploy(owner: Any, params: ChainParams) -> Deployed:
    """Deploy from ``owner``, an account of ape's, which becomes the market's owner.

    The contracts name one another, so each is told addresses that follow from the account's nonce.
    """
    nonce = owner.nonce
    subnets, models, market = (created_address(owner.address, nonce + i) for i in range(3))
    p = params
    deployed = Deployed(
        owner.deploy(
            project.SubnetRegistry, market, models, p.min_stake, p.formation_tip, p.epoch_blocks,
            p.lead_blocks, p.subnet_ttl, p.unbond_seconds, p.block_history,
        ),
        owner.deploy(project.ModelRegistry, subnets, p.attest_stake),
        owner.deploy(project.JobMarketplace, subnets, models, p.keeper_tip, p.fee_bps),
    )  # fmt: skip
    landed = (deployed.subnets.address, deployed.models.address, deployed.marketplace.address)
    if landed != (subnets, models, market):
        raise click.ClickException("something else used this account meanwhile: deploy again")
    return deployed


def deploy_opml(owner: Any, deployed: Deployed, params: OpmlParams) -> Any:
    """The contracts of method `opml`, and its listing: from the market's owner."""
    p, market = params, deployed.marketplace
    steps = owner.deploy(project.StepReduce), owner.deploy(project.StepElement)
    judge = owner.deploy(project.OpmlJudge, *steps)
    # Verifier and audits name one another.
    audits = created_address(owner.address, owner.nonce + 1)
    verifier = owner.deploy(
        project.OpmlVerifier, market, deployed.subnets, deployed.models, judge, audits,
        p.windows, p.clocks, p.min_bond, p.bond_gas,
    )  # fmt: skip
    landed = owner.deploy(
        project.OpmlAudits, market, deployed.subnets, verifier, p.audit_share, p.audit_gas,
        p.audit_pay, *p.audit_seconds,
    )  # fmt: skip
    if landed.address != audits:
        raise click.ClickException("something else used this account meanwhile: deploy again")
    market.add_method(OPML, verifier, 1, p.max_delay, p.fee_bps, False, sender=owner)
    if 0 < 2 * p.audit_fund < owner.balance:
        owner.transfer(landed, p.audit_fund)
    return verifier


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--account", help="Alias of an ape account (default: ape's first test account).")
@click.option("--params", type=click.Choice(list(PARAMS)), help="Epochs, delays and stakes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the deployment file here.")
@click.option("--yes", is_flag=True, help="Development parameters on any chain.")
def cli(account: str | None, params: str | None, out: Path | None, yes: bool) -> None:
    """Deploy JobMarketplace, ModelRegistry and SubnetRegistry, and list method opml."""
    development = chain.chain_id in DEVELOPMENT_CHAINS
    chosen = params or ("development" if development else "production")
    if chosen == "development" and not development and not yes:
        raise click.ClickException(f"chain {chain.chain_id} is no development chain; --yes insists")
    if account is None and not development:
        raise click.ClickException("name an account: --account ALIAS (see ape accounts list)")
    if out is not None:
        check_free(out)
    owner = accounts.load(account) if account else accounts.test_accounts[0]
    start = chain.blocks.height + 1
    chain_params, opml_params = PARAMS[chosen]
    deployed = deploy(owner, chain_params)
    opml = deploy_opml(owner, deployed, opml_params)
    for name, contract in (deployed._asdict() | {"opml": opml}).items():
        click.echo(f"{name:12} {contract.address}")
    if out is not None:
        addresses = {name: contract.address for name, contract in deployed._asdict().items()}
        network = Network.at(chain.provider.web3, start_block=start, **addresses)
        methods = {"opml": opml.address}
        write(out, describe(network, chain.chain_id, chain_params, owner.address, methods))
        click.echo(f"written to {out}")
