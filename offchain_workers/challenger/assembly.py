# SPDX-License-Identifier: Apache-2.0
"""Puts the watcher's parts together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.db import Database
from offchain_workers.chain.follower import BlockFollower
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.transactions import TxManager, TxPolicy
from offchain_workers.challenger.check import Checker, Rules
from offchain_workers.challenger.checks import Checks
from offchain_workers.challenger.docket import Docket
from offchain_workers.challenger.errors import AccountNeededError
from offchain_workers.challenger.games import Games
from offchain_workers.challenger.guard import Guard, endpoints_needed
from offchain_workers.challenger.jobs import Jobs
from offchain_workers.challenger.library import Library
from offchain_workers.challenger.metrics import Metrics
from offchain_workers.challenger.play import Player
from offchain_workers.challenger.tell import Tell
from offchain_workers.config import Settings, find_deployment
from offchain_workers.daemon.assembly import network_of, stores_of
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.vouching import Vouching
from offchain_workers.storage import HttpStore, MultiStore
from verifiers.opml.board import Board
from verifiers.opml.method import OpmlMethod
from verifiers.opml.play_errors import NotListedError
from verifiers.opml.player import Player as OpmlPlayer


@dataclass(frozen=True)
class Parts:
    """What a Watcher is made of; ``games`` and ``tx`` are None in a dry run."""

    db: Database
    pool: RpcPool
    follower: BlockFollower
    peers: tuple[HttpStore, ...]
    clock: ChainClock
    metrics: Metrics
    docket: Docket
    checks: Checks
    games: Games | None
    tx: TxManager | None

    def close(self) -> None:
        """Wait for what runs, then let go of connections and the database."""
        self.checks.close()
        if self.games is not None:
            self.games.close()
        for peer in self.peers:
            peer.close()
        self.pool.close()
        self.db.close()


def assemble(settings: Settings, address: str, account: LocalAccount | None, tell: Tell) -> Parts:
    """Asks the network where the verifier is. Raises FusionError.

    ``account``: None in a dry run, which then watches as ``address``.
    """
    watch = settings.watch
    if account is None and not watch.dry_run:
        raise AccountNeededError
    found = find_deployment(settings)
    pool = RpcPool(settings.chain.rpc_urls, found.chain_id)
    network = network_of(pool, found)
    verifier = OpmlVerifier.of(network)
    if verifier is None:
        raise NotListedError("the market does not list method opml: there is nothing to watch")
    parts = _Parts(settings, network, pool, verifier, address, tell)
    if account is None or watch.dry_run:
        return parts.watching()
    return parts.playing(account)


class _Parts:
    """The parts in the order in which they need one another."""

    def __init__(
        self,
        settings: Settings,
        network: Network,
        pool: RpcPool,
        verifier: OpmlVerifier,
        address: str,
        tell: Tell,
    ) -> None:
        watch, storage = settings.watch, settings.storage
        self._settings, self._network, self._verifier = settings, network, verifier
        self._tell, self._pool, self._address = tell, pool, address
        self.db = Database(watch.database)
        abis: dict[str, Any] = {verifier.address: verifier.abi}
        self.follower = BlockFollower(pool, self.db, abis, network.start_block)
        self.clock, self.metrics = ChainClock(), Metrics()
        self.docket = Docket(address, tell)
        local, self.peers = stores_of(settings)
        engine = EmbeddedEngine("cpu", settings.engine.threads, settings.engine.max_onnx_bytes)
        store = MultiStore(local, self.peers)
        folder = storage.folder / "verdicts"
        asked = settings.vouching
        vouching = Vouching(network, folder, address, asked.attesters, asked.required)
        library = Library(network, store, engine, folder, storage.allow_private, vouching)
        inputs = Inputs(local, self.peers, storage.allow_private)
        jobs = Jobs(network, inputs, OpmlMethod())
        models = frozenset(bytes.fromhex(text[2:]) for text in watch.models)
        rules = Rules(watch.share, models, watch.window_margin_seconds)
        self.checker = Checker(jobs, library, rules, address, self.clock)
        self.checks = Checks(
            self.docket, self.checker, self.metrics, tell, watch.threads, self._wake
        )

    @property
    def _wake(self) -> Callable[[], None]:
        return self.follower.wake.set

    def watching(self) -> Parts:
        """Without a way to send anything."""
        return self._parts(None, None)

    def playing(self, account: LocalAccount) -> Parts:
        """Raises OneEndpointError."""
        watch, urls = self._settings.watch, self._settings.chain.rpc_urls
        needed = endpoints_needed(len(set(urls)), self._pool.chain_id, watch.one_endpoint)
        policy = TxPolicy(max_fee=int(watch.gas_price_cap_gwei * 10**9))
        tx = TxManager(self._pool, self.db, account, policy)
        board = Board(self._verifier, self._network.start_block)
        player = Player(
            OpmlPlayer(self._network, self._verifier, board, self._address), self.checker
        )
        guard = Guard(self._pool, self._verifier, needed, watch.budget_wei, watch.bond_margin_bps)
        games = Games(
            self.db,
            tx,
            self.docket,
            self.checks,
            player,
            guard,
            self._verifier,
            self.clock,
            self.metrics,
            self._tell,
            self.checker.in_time,
            self._wake,
        )
        return self._parts(games, tx)

    def _parts(self, games: Games | None, tx: TxManager | None) -> Parts:
        return Parts(
            db=self.db,
            pool=self._pool,
            follower=self.follower,
            peers=self.peers,
            clock=self.clock,
            metrics=self.metrics,
            docket=self.docket,
            checks=self.checks,
            games=games,
            tx=tx,
        )
