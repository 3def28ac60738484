# SPDX-License-Identifier: Apache-2.0
"""`ape run deploy --network ...`: market and methods, compiled here, from an account of ape's.

On ape's test networks its first test account signs. `fusion deploy` does the same with the compiled
contracts that ship in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import click
from ape import accounts, chain, project
from ape.cli import ConnectedProviderCommand, network_option

from offchain_workers.chain.contracts import ChainParams, Network, teeml_verifier, zkml
from offchain_workers.chain.contracts.deployment import created_address
from offchain_workers.chain.contracts.opml import OPML, OpmlParams
from offchain_workers.chain.contracts.teeml_verifier import TEEML, TeemlParams
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.chain.development import DEVELOPMENT_CHAINS
from offchain_workers.cli.deployment_file import check_free, describe, write
from verifiers.teeml.onchain import INTEL_WORDS, root_words
from verifiers.teeml.simulated import Authority
from verifiers.zkml.srs import CEREMONY_NEG_TAU_G2


# No dataclasses: ape runs a script without registering its module, which they need.
class Params(NamedTuple):
    """A set of constructor arguments."""

    chain: ChainParams
    opml: OpmlParams
    teeml: TeemlParams


class Deployed(NamedTuple):
    """The market's contracts as ape has them."""

    subnets: Any
    models: Any
    marketplace: Any


PARAMS = {
    "development": Params(
        ChainParams.development(), OpmlParams.development(), TeemlParams.development()
    ),
    "production": Params(ChainParams(), OpmlParams(), TeemlParams()),
}


class Deployer:
    """Sends from ``owner``, an account of ape's, and notes what each transaction used."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.gas: list[tuple[str, int]] = []

    def create(self, name: str, *args: Any) -> Any:
        """A contract of this project."""
        contract = self.owner.deploy(getattr(project, name), *args)
        self._note(name, chain.provider.get_receipt(contract.txn_hash))
        return contract

    def blueprint(self, name: str) -> str:
        """Where a contract is deposited for others to create it (ERC-5202)."""
        # Left out, the sender would be nobody when gas is estimated.
        receipt = self.owner.declare(getattr(project, name), sender=self.owner.address)
        self._note(f"{name}, blueprint", receipt)
        return str(receipt.contract_address)

    def send(self, what: str, call: Any, *args: Any) -> None:
        """A call of a contract."""
        self._note(what, call(*args, sender=self.owner))

    def next_address(self, after: int = 0) -> str:
        """Of the contract that the transaction after so many others makes."""
        return created_address(self.owner.address, self.owner.nonce + after)

    def _note(self, what: str, receipt: Any) -> None:
        self.gas.append((what, int(receipt.gas_used)))


def deploy(deployer: Deployer, params: ChainParams) -> Deployed:
    """The market, whose owner is the deployer's account.

    The contracts name one another, so each is told addresses that follow from the account's nonce.
    """
    subnets, models, market = (deployer.next_address(i) for i in range(3))
    p = params
    deployed = Deployed(
        deployer.create(
            "SubnetRegistry", market, models, p.min_stake, p.formation_tip, p.epoch_blocks,
            p.lead_blocks, p.subnet_ttl, p.unbond_seconds, p.block_history,
        ),
        deployer.create("ModelRegistry", subnets, p.attest_stake),
        deployer.create("JobMarketplace", subnets, models, p.keeper_tip, p.fee_bps),
    )  # fmt: skip
    landed = (deployed.subnets.address, deployed.models.address, deployed.marketplace.address)
    if landed != (subnets, models, market):
        raise click.ClickException("something else used this account meanwhile: deploy again")
    return deployed


def deploy_opml(deployer: Deployer, deployed: Deployed, params: OpmlParams) -> Any:
    """The contracts of method `opml`, its listing, and the fund of audits if there is enough."""
    p, market = params, deployed.marketplace
    steps = deployer.create("StepReduce"), deployer.create("StepElement")
    judge = deployer.create("OpmlJudge", *steps)
    # Verifier and audits name one another.
    audits = deployer.next_address(1)
    verifier = deployer.create(
        "OpmlVerifier", market, deployed.subnets, deployed.models, judge, audits,
        p.windows, p.clocks, p.min_bond, p.bond_gas,
    )  # fmt: skip
    landed = deployer.create(
        "OpmlAudits", market, deployed.subnets, verifier, p.audit_share, p.audit_gas,
        p.audit_pay, *p.audit_seconds,
    )  # fmt: skip
    if landed.address != audits:
        raise click.ClickException("something else used this account meanwhile: deploy again")
    deployer.send("list opml", market.add_method, OPML, verifier, 1, p.max_delay, p.fee_bps, False)
    if 0 < 2 * p.audit_fund < deployer.owner.balance:
        deployer.owner.transfer(landed, p.audit_fund)
    return verifier


def deploy_zkml(deployer: Deployer, deployed: Deployed) -> Any:
    """The plug-in of method `zkml`, its listing, and the verifier of the ceremony's setup.

    Anyone adds more setups, and each circuit's program: `fusion model publish` does.
    """
    blueprint = deployer.blueprint(zkml.HALO2)
    verifier = deployer.create("ZkmlVerifier", deployed.marketplace, deployed.models, blueprint)
    deployer.send("Halo2Verifier of the ceremony", verifier.add_setup, CEREMONY_NEG_TAU_G2)
    listing = (ZKML, verifier, 1, 0, zkml.FEE_BPS, False)
    deployer.send("list zkml", deployed.marketplace.add_method, *listing)
    return verifier


def deploy_teeml(
    deployer: Deployer, deployed: Deployed, root: tuple[Any, ...], params: TeemlParams
) -> Any:
    """The contracts that verify quotes, the plug-in of method `teeml`, its listing.

    ``root`` as `verifiers.teeml.onchain` has it. Collateral is brought by workers, or by
    `fusion teeml collateral sync`.
    """
    parsers = deployer.create("CertificateParser"), deployer.create("TcbParser")
    collateral = deployer.create("IntelCollateral", *parsers, root)
    dcap = deployer.create("DcapVerifier", collateral)
    verifier = deployer.create(
        "TeemlVerifier", deployed.marketplace, deployed.subnets, deployed.models, dcap,
        params.max_hold, params.proof_seconds, params.block_history,
    )  # fmt: skip
    listing = (TEEML, verifier, teeml_verifier.MAX_N, params.max_hold, teeml_verifier.FEE_BPS, True)
    deployer.send("list teeml", deployed.marketplace.add_method, *listing)
    return verifier


def simulated_root() -> tuple[Any, ...]:
    """For development chains: anyone can make quotes under it."""
    authority = Authority()
    return root_words(authority.trust, authority.until)


def report(deployer: Deployer, contracts: dict[str, Any]) -> None:
    """Where everything is, and what each transaction cost."""
    for name, contract in contracts.items():
        click.echo(f"{name:12} {contract.address}")
    click.echo()
    for what, gas in deployer.gas:
        click.echo(f"{what:32} {gas:>12,} gas")
    click.echo(f"{'all':32} {sum(gas for _, gas in deployer.gas):>12,} gas")


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--account", help="Alias of an ape account (default: ape's first test account).")
@click.option("--params", type=click.Choice(list(PARAMS)), help="Epochs, delays and stakes.")
@click.option("--tee-root", type=click.Choice(["intel", "simulated"]), help="Trust for enclaves.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the deployment file here.")
@click.option("--yes", is_flag=True, help="Development parameters on any chain.")
def cli(
    account: str | None, params: str | None, tee_root: str | None, out: Path | None, yes: bool
) -> None:
    """Deploy the market and its registries, and list methods opml, zkml and teeml."""
    development = chain.chain_id in DEVELOPMENT_CHAINS
    chosen = params or ("development" if development else "production")
    if chosen == "development" and not development and not yes:
        raise click.ClickException(f"chain {chain.chain_id} is no development chain; --yes insists")
    if tee_root == "simulated" and not development:
        raise click.ClickException(f"chain {chain.chain_id} is no development chain: --tee-root")
    if account is None and not development:
        raise click.ClickException("name an account: --account ALIAS (see ape accounts list)")
    if out is not None:
        check_free(out)
    owner = accounts.load(account) if account else accounts.test_accounts[0]
    deployer, given, start = Deployer(owner), PARAMS[chosen], chain.blocks.height + 1
    root = simulated_root() if development and tee_root != "intel" else INTEL_WORDS
    deployed = deploy(deployer, given.chain)
    methods = {
        "opml": deploy_opml(deployer, deployed, given.opml),
        "zkml": deploy_zkml(deployer, deployed),
        "teeml": deploy_teeml(deployer, deployed, root, given.teeml),
    }
    report(deployer, deployed._asdict() | methods)
    if out is not None:
        addresses = {name: contract.address for name, contract in deployed._asdict().items()}
        network = Network.at(chain.provider.web3, start_block=start, **addresses)
        plugins = {name: contract.address for name, contract in methods.items()}
        write(out, describe(network, chain.chain_id, given.chain, owner.address, plugins))
        click.echo(f"written to {out}")
