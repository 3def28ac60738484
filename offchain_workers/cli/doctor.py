# SPDX-License-Identifier: Apache-2.0
"""`fusion doctor`: everything that must be right before a role can work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.output import emit, table
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.rpc import RpcPool
    from offchain_workers.cli.checks.finding import Finding
    from offchain_workers.config import Settings

_COLUMNS = {"level": "", "check": "Check", "message": "Found", "code": "Code", "hint": "What to do"}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "doctor")(doctor)


def doctor(
    run: Run,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Only this machine's GPU, from its driver to a model.")
    ] = False,
) -> None:
    """Check configuration, chain, contracts, keys, stake, engine, clock and disk."""
    from offchain_workers.cli.progress import waiting

    with waiting(run, "looking around"):
        found = [vars(finding) for finding in (_gpu(run) if gpu else _findings(run))]
    good = all(row["level"] != "fail" for row in found)
    emit(run, {"checks": found, "ok": good}, lambda: table(_shown(found), _COLUMNS))
    if not good:
        raise typer.Exit(1)


def _shown(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"code": row["code"] or "", "hint": row["hint"] or ""} for row in found]


def _gpu(run: Run) -> Iterator[Finding]:
    from offchain_workers.cli.checks import gpu

    settings = run.settings()
    for check in (gpu.driver, gpu.package, gpu.providers):
        yield from check(settings)


def _findings(run: Run) -> Iterator[Finding]:
    from offchain_workers.cli.checks import account, machine
    from offchain_workers.cli.checks.finding import broken, ok
    from offchain_workers.config import config_path

    try:
        settings = run.settings()
    except FusionError as error:
        yield broken("config", error, "correct it as the message says")
        return
    path = config_path(run.config)
    yield ok("config", f"{path} is readable" if path.exists() else f"no {path}: defaults are used")
    yield from _on_chain(run, settings)
    yield from account.keystore(settings)
    for check in (machine.store, machine.database, machine.engine, machine.anvil):
        yield from check(settings)


def _on_chain(run: Run, settings: Settings) -> Iterator[Finding]:
    from offchain_workers.chain.rpc import RpcPool
    from offchain_workers.cli.checks import chain
    from offchain_workers.cli.checks.finding import broken
    from offchain_workers.cli.network import quiet_pool
    from offchain_workers.config import find_deployment

    deployment = None
    try:
        deployment = find_deployment(settings)
    except FusionError as error:
        yield broken("deployment", error, "fusion deploy, or set chain.deployment")
    quiet_pool(run)
    chain_id = deployment.chain_id if deployment else settings.chain.chain_id
    pool = RpcPool(settings.chain.rpc_urls, chain_id)
    endpoints = list(chain.endpoints(pool))
    yield from endpoints
    if not any(row.state == "ok" for row in pool.health()):
        return
    yield from chain.clock(pool)
    if deployment:
        yield from _in_the_market(settings, pool, deployment)


def _in_the_market(settings: Settings, pool: RpcPool, deployment: Any) -> Iterator[Finding]:
    from offchain_workers.chain.directory import read_directory
    from offchain_workers.cli.checks import account, chain
    from offchain_workers.cli.checks.finding import Level
    from offchain_workers.daemon.assembly import network_of
    from offchain_workers.models.catalog import endpoints

    network = network_of(pool, deployment)
    found = list(chain.contracts(network))
    yield from found
    address = account.address_of(settings)
    if address is None or any(finding.level is Level.FAIL for finding in found):
        return
    yield from account.coins(network, address)
    yield from account.operator(network, read_directory(pool, network), address)
    yield from account.endpoint(endpoints(pool, network).get(address), address)
