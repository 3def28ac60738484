# SPDX-License-Identifier: Apache-2.0
"""Puts the gateway's parts together from its settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from offchain_workers.canaries import Tally
from offchain_workers.canaries.board import Board, board_router
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.follower import BlockFollower
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.transactions import TxManager, TxPolicy
from offchain_workers.config import Settings, find_deployment
from offchain_workers.config.gateway import Gateway as GatewaySettings
from offchain_workers.daemon.assembly import network_of, stores_of
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.gateway.bell import Bell
from offchain_workers.gateway.callers import Callers
from offchain_workers.gateway.errors import RelayHomelessError
from offchain_workers.gateway.front import FrontDoor
from offchain_workers.gateway.guard import Guard
from offchain_workers.gateway.http import RELAY, build_app
from offchain_workers.gateway.inference import Inference
from offchain_workers.gateway.leases import Leases
from offchain_workers.gateway.ledger import Ledger
from offchain_workers.gateway.market import Showcase
from offchain_workers.gateway.observing import Observing
from offchain_workers.gateway.once import Once
from offchain_workers.gateway.outbox import OutboxPayer
from offchain_workers.gateway.planner import Planner, Snapshots
from offchain_workers.gateway.poster import Poster
from offchain_workers.gateway.purse import Purse
from offchain_workers.gateway.reader import Reader
from offchain_workers.gateway.records import Records
from offchain_workers.gateway.routes import v1
from offchain_workers.gateway.routes_v2 import v2
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.spotchecks import Conduct, SpotChecks
from offchain_workers.gateway.streams import Streams
from offchain_workers.gateway.tables import GATEWAY_SCHEMA
from offchain_workers.gateway.views import Health
from offchain_workers.relay.auth import Place
from offchain_workers.relay.serve import relay_for
from offchain_workers.storage import HttpStore, LocalStore, MultiStore


@dataclass(frozen=True)
class Parts:
    """What a Gateway is made of."""

    db: Database
    pool: RpcPool
    network: Network
    follower: BlockFollower
    tx: TxManager
    ledger: Ledger
    shelf: Shelf
    snapshots: Snapshots
    payer: OutboxPayer
    poster: Poster
    front: FrontDoor
    records: Records
    leases: Leases
    bell: Bell
    observing: Observing
    spot_checks: SpotChecks | None
    peers: tuple[HttpStore, ...]
    app: FastAPI

    def close(self) -> None:
        """Let what is being prepared be written down, then let go of everything."""
        self.front.close()
        self.records.close()
        if self.spot_checks is not None:
            self.spot_checks.close()
        for peer in self.peers:
            peer.close()
        self.pool.close()
        self.db.close()


@dataclass(frozen=True)
class _Ground:
    """What the other parts rest on."""

    local: LocalStore
    peers: tuple[HttpStore, ...]
    db: Database
    pool: RpcPool
    network: Network
    follower: BlockFollower
    tx: TxManager


def assemble(
    settings: Settings,
    account: LocalAccount,
    health: Callable[[], Health],
    is_ready: Callable[[], bool],
    is_stopping: Callable[[], bool],
) -> Parts:
    """Opens the database; asks no network yet. Raises FusionError."""
    own, private = settings.gateway, settings.storage.allow_private
    guard = Guard(Callers(own), is_ready)
    on = _ground(settings, account)
    db, pool, network, local, wake = on.db, on.pool, on.network, on.local, on.follower.wake.set
    store = MultiStore(local, on.peers)
    payer = OutboxPayer(db, on.tx, pool.w3, wake)
    shelf = Shelf(pool, network, store, private, payer if own.form_subnets else None)
    snapshots = Snapshots(pool, network, store, private)
    purse = Purse(db, network, account.address, own.total_spend_per_hour_wei, time.time)
    records = Records(local)
    leases, bell, once = Leases(), Bell(), Once(db)
    poster = Poster(db, network, on.tx, shelf, purse, local, leases, records, own.preparing, wake)
    reader = Reader(db, network, shelf, local)
    planner = Planner(own, shelf, snapshots.now)
    front = FrontDoor(poster, own.batch_cap_seconds, own.preparing)
    streams = Streams(reader, bell, own.max_streams, is_stopping)
    inference = Inference(planner, poster, once, reader, front, bell, own.answer_seconds)
    showcase = Showcase(shelf, reader)
    spot_checks = _spot_checks(settings, shelf, store, leases)
    observing = _observing(own, account, network, Board(local), spot_checks)
    routers = [
        board_router(observing.board),
        v1(guard, planner, poster, once, reader, showcase, streams, local, own.max_blob_bytes),
        v2(guard, shelf, inference, is_ready, "1"),
    ]
    return Parts(
        db=db,
        pool=pool,
        network=network,
        follower=on.follower,
        tx=on.tx,
        ledger=Ledger(account.address),
        shelf=shelf,
        snapshots=snapshots,
        payer=payer,
        poster=poster,
        front=front,
        records=records,
        leases=leases,
        bell=bell,
        observing=observing,
        spot_checks=spot_checks,
        peers=on.peers,
        app=_app(settings, on, health, guard, routers),
    )


def _ground(settings: Settings, account: LocalAccount) -> _Ground:
    own, found = settings.gateway, find_deployment(settings)
    local, peers = stores_of(settings)
    db = Database(own.database, {"gateway": GATEWAY_SCHEMA})
    pool = RpcPool(settings.chain.rpc_urls, found.chain_id)
    network = network_of(pool, found)
    follower = BlockFollower(pool, db, network.abis(), found.start_block)
    tx = TxManager(pool, db, account, TxPolicy(max_fee=int(own.gas_price_cap_gwei * 10**9)))
    return _Ground(local, peers, db, pool, network, follower, tx)


def _app(
    settings: Settings,
    on: _Ground,
    health: Callable[[], Health],
    guard: Guard,
    routers: Sequence[APIRouter],
) -> FastAPI:
    own = settings.gateway
    return build_app(
        health,
        guard,
        on.local,
        own.max_body_bytes,
        own.max_blob_bytes,
        routers,
        own.origins,
        mounted_relay(settings, on.pool, on.network),
    )


def mounted_relay(settings: Settings, pool: RpcPool, network: Network) -> ASGIApp | None:
    """None unless wanted. Raises RelayHomelessError."""
    own = settings.gateway
    if not own.relay:
        return None
    if own.public_url is None and not own.listen_port:
        raise RelayHomelessError("workers sign the relay's URL: set gateway.public_url, or a port")
    url = own.public_url or f"http://{own.listen_host}:{own.listen_port}"
    return relay_for(settings.relay, Place(f"{url}{RELAY}", pool.chain_id), network).app


def _spot_checks(
    settings: Settings, shelf: Shelf, store: MultiStore, leases: Leases
) -> SpotChecks | None:
    """None unless wanted: they need an engine, which the base install lacks."""
    own, engine = settings.gateway, settings.engine
    if not own.spot_check_percent:
        return None
    return SpotChecks(
        Conduct(own.spot_check_percent / 100, own.wrong_answer_pause_seconds),
        shelf,
        store,
        leases,
        EmbeddedEngine(engine.provider, engine.threads),
        engine.max_onnx_bytes,
    )


def _observing(
    own: GatewaySettings,
    account: LocalAccount,
    network: Network,
    board: Board,
    spot_checks: SpotChecks | None,
) -> Observing:
    return Observing(
        account,
        network.marketplace.domain.chain_id,
        network.subnets.address,
        board,
        spot_checks.tally if spot_checks else Tally(),
        own.observations_seconds,
    )
