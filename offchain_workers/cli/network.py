# SPDX-License-Identifier: Apache-2.0
"""From the settings to the contracts and the account that signs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

from eth_account.signers.local import LocalAccount
from web3 import Web3

from offchain_workers import keys, passwords
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.directory import Directory, read_directory
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.cli.progress import counting
from offchain_workers.cli.run import Run
from offchain_workers.config import Settings, find_deployment
from offchain_workers.daemon.assembly import network_of
from offchain_workers.errors import FusionError
from offchain_workers.models.catalog import Catalog, PublishedModel, published_models
from offchain_workers.requester.patience import Patience
from offchain_workers.storage import HttpStore, LocalStore, MultiStore

__all__ = [
    "Connection",
    "Patience",
    "connect",
    "open_pool",
    "open_store",
    "own_address",
    "quiet_pool",
    "unlock",
]


@dataclass(frozen=True)
class Connection:
    """A command's way to the chain; reads are cached no longer than one command runs."""

    run: Run
    settings: Settings
    pool: RpcPool
    network: Network

    @property
    def w3(self) -> Web3:
        return self.pool.w3

    @cached_property
    def catalog(self) -> Catalog:
        """The published models, with their files from the local store, its peers or their own
        servers."""
        with counting(self.run, "reading models") as progress:
            models = published_models(self.pool, self.network, progress)
        return Catalog(models, open_store(self.settings), self.settings.storage.allow_private)

    def directory(self) -> Directory:
        with counting(self.run, "reading offers") as progress:
            return read_directory(self.pool, self.network, progress)

    def model(self, reference: str) -> PublishedModel:
        """By id, first digits or name. Raises MN-CODEC-010, MN-CODEC-011."""
        return self.catalog.find(reference)

    def selector(self, method: str) -> bytes:
        """Raises MN-CLI-007 for a method that the market does not have."""
        selector = selector_of(method)
        if self.network.marketplace.method(selector) is None:
            raise FusionError("MN-CLI-007", f"this market has no verification method {method!r}")
        return selector

    def selector_for(self, model: PublishedModel, method: str) -> bytes:
        """Raises MN-CLI-007, MN-CLI-034 where no answer of the model could ever be verified."""
        selector = self.selector(method)
        if method != "none" and selector not in model.artifacts:
            raise FusionError(
                "MN-CLI-034",
                f"0x{model.model_id.hex()} was published without an artifact for {method}, "
                "and a record never changes: another has to be published",
            )
        return selector


def connect(run: Run, account: str | None = None) -> Connection:
    """Raises the pool's errors and MN-CFG-*; ``account`` names the keystore for ``unlock``."""
    settings = run.settings({"account": {"keystore": account}} if account else None)
    deployment = find_deployment(settings)
    pool = open_pool(run, settings, deployment.chain_id)
    return Connection(run, settings, pool, network_of(pool, deployment))


def open_pool(run: Run, settings: Settings, chain_id: int | None) -> RpcPool:
    """Raises RpcUnavailableError, WrongChainError."""
    quiet_pool(run)
    pool = RpcPool(settings.chain.rpc_urls, chain_id)
    pool.refresh()
    return pool


def quiet_pool(run: Run) -> None:
    """What the pool logs, a command says in its own words."""
    if not run.verbose:
        logging.getLogger("offchain_workers.chain.endpoints").setLevel(logging.ERROR)


def open_store(settings: Settings) -> MultiStore:
    """The local folder, then the peers. Raises StoreError."""
    storage = settings.storage
    peers = [HttpStore(url, allow_private=storage.allow_private) for url in storage.peers]
    return MultiStore(LocalStore(storage.folder), peers)


def own_address(settings: Settings) -> str:
    """The configured account's address, without its password. Raises MN-KEY-*."""
    keystore = keys.describe(keys.find(settings.account.folder, settings.account.keystore))
    return keystore.address or unlock(settings).address


def unlock(settings: Settings) -> LocalAccount:
    """The configured account. Raises MN-KEY-*."""
    path = keys.find(settings.account.folder, settings.account.keystore)
    keystore = keys.describe(path)  # a wrong path should not cost a typed password
    password = passwords.read_password(
        settings.account.password_file, f"Password for {keystore.name}"
    )
    return keys.load(path, password)
