# SPDX-License-Identifier: Apache-2.0
"""The account: its keystore, its password, its coins, and what it is to the market."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx

from offchain_workers import keys, passwords
from offchain_workers.chain.contracts import Network, Operator
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.directory import Directory
from offchain_workers.cli.checks.finding import Finding, Level, broken, fail, ok, warn
from offchain_workers.cli.output import cell
from offchain_workers.config import Settings
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei

_GAS = 1_000_000  # some ten transactions
_HEALTH_SECONDS = 5.0


def keystore(settings: Settings) -> Iterator[Finding]:
    """There is one, and its password opens it."""
    account = settings.account
    if account.keystore is None:
        hint = "fusion account new NAME, then set account.keystore"
        yield warn("account", "MN-KEY-011", "no account is set", hint)
        return
    try:
        path = keys.find(account.folder, account.keystore)
        found = keys.describe(path)
        if account.password_file is None and passwords.VARIABLE not in os.environ:
            yield ok("account", f"{found.name} {found.address}; its password was not tried")
            return
        keys.load(path, passwords.read_password(account.password_file, ""))
    except FusionError as error:
        yield broken("account", error, "see account.* in the configuration")
        return
    yield ok("account", f"{found.name} {found.address}; the password opens it")


def address_of(settings: Settings) -> str | None:
    """The configured account's address, if that can be told without a password."""
    try:
        return keys.describe(keys.find(settings.account.folder, settings.account.keystore)).address
    except FusionError:
        return None


def coins(network: Network, address: str) -> Iterator[Finding]:
    """Enough for some transactions at today's price of gas."""
    w3 = network.marketplace.w3
    held = w3.eth.get_balance(w3.to_checksum_address(address))
    price = 2 * w3.eth.get_block("latest").get("baseFeePerGas", 0) + w3.eth.max_priority_fee
    message = f"{address} holds {cell(Wei(held))}"
    if held >= _GAS * price:
        yield ok("coins", message)
    else:
        level = warn if held else fail
        yield level("coins", "MN-CLI-012", message, "send it coins to pay for gas")


def operator(network: Network, directory: Directory, address: str) -> Iterator[Finding]:
    """Registered, staked, opted in, offering."""
    state = network.subnets.operator(address)
    if state is None:
        yield ok("operator", "not an operator (only workers need to be)")
        return
    needed = state.offers * network.subnets.min_stake
    stake = f"stake {cell(Wei(state.stake))}, {cell(Wei(state.reserved))} of it reserved"
    if state.stake < needed:
        yield fail(
            "operator", "MN-CLI-017", f"{stake}: {state.offers} offers need {cell(Wei(needed))}",
            "fusion operator stake AMOUNT, or lose seats",
        )  # fmt: skip
    else:
        yield ok("operator", f"number {state.index}, {stake}")
    yield from _offers(network, directory, address, state)


def endpoint(url: str | None, address: str) -> Iterator[Finding]:
    """The announced endpoint answers, as this operator; a worker that is not running is only a
    warning."""
    if not url:
        return
    try:
        health = httpx.get(f"{url}/health", timeout=_HEALTH_SECONDS, trust_env=False).json()
        ready, serving = bool(health["ready"]), str(health["operator"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        reason = f"{url} does not answer ({type(error).__name__})"
        yield warn("worker", "MN-CLI-068", reason, "start it: fusion worker")
        return
    if serving.lower() != address.lower():
        yield fail(
            "worker", "MN-CLI-068", f"{url} is the worker of {serving}, not of {address}",
            "give each worker its own worker.listen_port and public_url",
        )  # fmt: skip
    elif ready:
        yield ok("worker", f"{url} is ready")
    else:
        yield Finding(
            "worker", Level.WARN, f"{url} is not ready", "MN-CLI-068", "read the worker's log"
        )


def _offers(
    network: Network, directory: Directory, address: str, state: Operator
) -> Iterator[Finding]:
    if not state.offers:
        yield warn(
            "operator", "MN-CLI-069", "no offer: no subnet can choose it",
            "fusion operator offer MODEL ...",
        )  # fmt: skip
        return
    selectors = {offer.selector for offer in directory.offers_of(address)}
    missing = [s for s in selectors if not _may_deliver(network, address, s)]
    if not missing:
        yield ok("operator", f"{state.offers} offers, opted in to their methods")
        return
    names = ", ".join("none" if s == selector_of("none") else "0x" + s.hex() for s in missing)
    yield fail(
        "operator", "MN-CLI-069", f"not opted in to {names}, so it can't deliver",
        "run fusion operator offer again",
    )  # fmt: skip


def _may_deliver(network: Network, address: str, selector: bytes) -> bool:
    method = network.marketplace.method(selector)
    return method is not None and network.subnets.opted_in(address, method.plugin)
