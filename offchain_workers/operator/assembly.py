# SPDX-License-Identifier: Apache-2.0
"""Puts the worker's parts together from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from offchain_workers.balancing.breaker import Breaker
from offchain_workers.chain.call import Multicall
from offchain_workers.chain.contracts import Network
from offchain_workers.chain.db import Database
from offchain_workers.chain.follower import BlockFollower
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.transactions import TxManager, TxPolicy
from offchain_workers.config import Settings, find_deployment
from offchain_workers.config.worker import Worker
from offchain_workers.daemon.assembly import network_of, stores_of
from offchain_workers.daemon.clock import ChainClock
from offchain_workers.daemon.inputs import Inputs
from offchain_workers.engines.base import Engine
from offchain_workers.engines.build import build_engine
from offchain_workers.models.vouching import Vouching
from offchain_workers.operator.accept import Accept, Promises
from offchain_workers.operator.assignments import Assignments
from offchain_workers.operator.audits import Audits
from offchain_workers.operator.catalogue import Catalogue
from offchain_workers.operator.crew import Crew
from offchain_workers.operator.decide import Rules
from offchain_workers.operator.desk import Desk
from offchain_workers.operator.dispatch import Dispatch
from offchain_workers.operator.duties import Duties
from offchain_workers.operator.follow_up import FollowUp
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.notice import Notice
from offchain_workers.operator.reconcile import Reconcile
from offchain_workers.operator.settle import Settle
from offchain_workers.operator.shop import Shop
from offchain_workers.operator.tables import WORKER_SCHEMA
from offchain_workers.operator.upkeep import Upkeep
from offchain_workers.operator.watch import Watch
from offchain_workers.sealed_jobs import Reader
from offchain_workers.sealing_file import own_key
from offchain_workers.storage import HttpStore, LocalStore, MultiStore
from verifiers.base import VERDICTS, Enclosed, Method
from verifiers.methods import get_method, method_table

_QUICK_SECONDS = 4.0


@dataclass(frozen=True)
class Parts:
    """What a Worker is made of; ``audits`` None when the operator wants no part in them."""

    db: Database
    pool: RpcPool
    follower: BlockFollower
    tx: TxManager
    local: LocalStore
    peers: tuple[HttpStore, ...]
    clock: ChainClock
    metrics: Metrics
    breaker: Breaker
    watch: Watch
    shop: Shop
    crew: Crew
    desk: Desk
    dispatch: Dispatch
    follow_up: FollowUp
    audits: Audits | None
    upkeep: Upkeep
    enclosed: tuple[Enclosed, ...]
    reconcile: Reconcile
    settle: Settle
    accept: Accept
    notice: Notice
    duties: Duties

    def close(self) -> None:
        """Wait for running jobs, then let go of models, connections and the database."""
        self.shop.close()
        self.crew.close()
        self.follow_up.close()
        if self.audits is not None:
            self.audits.close()
        self.upkeep.close()
        for method in self.enclosed:
            method.close()
        for peer in self.peers:
            peer.close()
        self.pool.close()
        self.db.close()


@dataclass(frozen=True)
class _Ground:
    """What the other parts rest on."""

    settings: Settings
    account: LocalAccount
    engine: Engine
    local: LocalStore
    peers: tuple[HttpStore, ...]
    db: Database
    pool: RpcPool
    network: Network
    follower: BlockFollower
    methods: dict[bytes, Method]
    tx: TxManager
    clock: ChainClock
    metrics: Metrics

    @property
    def wake(self) -> Callable[[], None]:
        """Called where the loop should not wait for the next block."""
        return self.follower.wake.set


def assemble(
    settings: Settings,
    account: LocalAccount,
    extra: Mapping[str, str],
    instead: Sequence[Method] = (),
) -> Parts:
    """Opens the database and the engine; asks no network yet. Raises FusionError.

    ``instead``: methods that take the places of the installed ones.
    """
    worker = settings.worker
    on = _ground(settings, account, _methods(extra, instead))
    db, network, tx, methods = on.db, on.network, on.tx, on.methods
    clock, metrics = on.clock, on.metrics
    enclosed = tuple(method for method in methods.values() if isinstance(method, Enclosed))
    stale = [selector for selector, method in methods.items() if method in enclosed]
    for method in enclosed:
        method.configure(settings, network, account.address)
    breaker = _breaker(worker)
    catalogue = Catalogue(settings, network, on.engine, MultiStore(on.local, on.peers))
    shop = _shop(on, catalogue, breaker)
    key = own_key(settings.account.folder, account)
    reader = Reader(key, network.marketplace)
    private = settings.storage.allow_private
    inputs = Inputs(on.local, on.peers, private, reader=reader)
    # Whoever asks for a promise waits for it, and takes one of few places meanwhile.
    quick = Inputs(on.local, on.peers, private, _QUICK_SECONDS, reader)
    assignments = Assignments(db, network, account.address, inputs, on.local, catalogue)
    crew = Crew(worker.max_in_flight, on.wake)
    promises = _promises(worker)
    return Parts(
        db=db,
        pool=on.pool,
        follower=on.follower,
        tx=tx,
        local=on.local,
        peers=on.peers,
        clock=clock,
        metrics=metrics,
        breaker=breaker,
        watch=_watch(db, account.address, clock),
        shop=shop,
        crew=crew,
        desk=Desk(db, assignments, inputs, on.local, shop, crew, breaker, clock, metrics),
        dispatch=Dispatch(db, network, tx, breaker, clock, metrics, stale),
        follow_up=FollowUp(db, assignments, tx, methods),
        audits=_audits(on, assignments) if worker.audit else None,
        upkeep=Upkeep(db, tx, lambda: shop.methods, metrics, on.wake),
        enclosed=enclosed,
        reconcile=Reconcile(db, network, clock, metrics, 2 * worker.sweep_seconds),
        settle=Settle(db, network, methods, tx, clock, worker.withdraw_above_wei, worker.keeper),
        accept=Accept(account, network, db, quick, shop.facts, shop.view, promises, clock, metrics),
        notice=Notice(settings, account, network, db, tx, on.local, on.engine, clock, key.public),
        duties=Duties(db, tx.sender, clock),
    )


def _ground(settings: Settings, account: LocalAccount, methods: dict[bytes, Method]) -> _Ground:
    worker, found = settings.worker, find_deployment(settings)
    engine = build_engine(settings.engine)
    local, peers = stores_of(settings)
    db = Database(worker.database, {"worker": WORKER_SCHEMA})
    pool = RpcPool(settings.chain.rpc_urls, found.chain_id)
    network = network_of(pool, found)
    follower = BlockFollower(pool, db, network.abis(), found.start_block)
    policy = TxPolicy(max_fee=int(worker.gas_price_cap_gwei * 10**9))
    clock, joined = ChainClock(), _multicalls(network, methods)
    tx = TxManager(pool, db, account, policy, clock.now, multicalls=joined)
    return _Ground(
        settings=settings,
        account=account,
        engine=engine,
        local=local,
        peers=peers,
        db=db,
        pool=pool,
        network=network,
        follower=follower,
        methods=methods,
        tx=tx,
        clock=clock,
        metrics=Metrics(),
    )


def _breaker(worker: Worker) -> Breaker:
    return Breaker(
        worker.breaker_failures, worker.breaker_window_seconds, worker.breaker_pause_seconds
    )


def _promises(worker: Worker) -> Promises:
    return Promises(
        worker.accept_seconds,
        worker.max_promises,
        worker.accept_pledge_bps,
        worker.accept_pledge_wei,
    )


def _shop(on: _Ground, catalogue: Catalogue, breaker: Breaker) -> Shop:
    worker, asked, me = on.settings.worker, on.settings.vouching, on.account.address
    rules = Rules(
        worker.min_profit_wei,
        worker.min_turn_seconds,
        worker.deliver_margin_seconds,
        worker.callback_gas_cap,
    )
    verdicts = on.settings.storage.folder / VERDICTS
    vouching = Vouching(on.network, verdicts, me, asked.attesters, asked.required)
    return Shop(me, on.pool, on.network, catalogue, on.methods, rules, breaker, on.clock, vouching)


def _audits(on: _Ground, assignments: Assignments) -> Audits:
    bonds = on.settings.worker.audit_budget_wei
    return Audits(
        on.db, on.network, on.pool, assignments, on.tx, on.methods, bonds, on.metrics, on.wake
    )


def _methods(extra: Mapping[str, str], instead: Sequence[Method]) -> dict[bytes, Method]:
    table = method_table(extra)
    methods = [get_method(name, table) for name in table]
    methods += instead
    return {method.selector: method for method in methods}


def _multicalls(network: Network, methods: Mapping[bytes, Method]) -> Callable[[], list[Multicall]]:
    """Asked anew each time: a market may list a method later."""
    return lambda: [
        found for method in methods.values() if (found := method.multicall(network)) is not None
    ]


def _watch(db: Database, operator: str, clock: ChainClock) -> Watch:
    watch = Watch(operator, clock)
    with db.read() as session:
        watch.load(session)
    return watch
