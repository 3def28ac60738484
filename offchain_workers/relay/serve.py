# SPDX-License-Identifier: Apache-2.0
"""The relay as a daemon, and which operators it admits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from fastapi.concurrency import run_in_threadpool

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.subnets import Operator
from offchain_workers.chain.errors import ChainError
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.config import Settings, find_deployment
from offchain_workers.config.relay import Relay as RelaySettings
from offchain_workers.daemon.assembly import network_of
from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.daemon.errors import NONSENSE
from offchain_workers.daemon.signals import on_signals
from offchain_workers.relay.auth import Place
from offchain_workers.relay.quota import Limits
from offchain_workers.relay.server import Admit, Relay

log = structlog.get_logger(__name__)

# How long what the chain said of an operator holds, and how many are remembered.
_MEMORY_SECONDS = 60.0
_MEMORY = 4_096


class RelayDaemon:
    """A relay that listens from ``start`` to ``stop``. Raises FusionError for wrong settings."""

    def __init__(self, settings: Settings) -> None:
        found = find_deployment(settings)
        config = settings.relay
        self._pool = RpcPool(settings.chain.rpc_urls, found.chain_id)
        self.url = config.public_url or f"http://{config.listen_host}:{config.listen_port}"
        network = network_of(self._pool, found)
        relay = relay_for(config, Place(self.url, self._pool.chain_id), network)
        most = connections(config)
        self._endpoint = Endpoint(relay.app, config.listen_host, config.listen_port, most)

    def start(self) -> None:
        """Raises MN-WORKER-004 when the port is taken."""
        self._endpoint.start()
        log.info("relay started", url=self.url)

    def stop(self) -> None:
        """Hang up on everybody."""
        self._endpoint.stop()
        self._pool.close()
        log.info("relay stopped")


def serve(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT. Raises FusionError."""
    daemon = RelayDaemon(settings)
    over = threading.Event()

    with on_signals(lambda _: over.set()):
        try:
            daemon.start()
            over.wait()
        finally:
            daemon.stop()


def relay_for(config: RelaySettings, place: Place, network: Network) -> Relay:
    """A relay at ``place`` with these limits, for the operators named or else all registered."""
    named = config.operators
    admit = one_of(named) if named else Registered(network.subnets.operator)
    return Relay(place, limits_of(config), admit)


def connections(config: RelaySettings) -> int:
    """What a relay may hold open: its workers', and one for each of their streams."""
    return config.max_nodes * (1 + config.max_streams)


def limits_of(config: RelaySettings) -> Limits:
    """The limits that an operator of a relay can set."""
    return Limits(
        max_nodes=config.max_nodes,
        max_streams=config.max_streams,
        max_body=config.max_body_bytes,
        bytes_per_second=config.bytes_per_second,
        requests_per_second=config.requests_per_second,
    )


def one_of(named: Sequence[str]) -> Admit:
    """Admits these addresses."""

    async def admit(operator: str) -> bool:
        return operator in named

    return admit


class Registered:
    """Admits operators with stake; asks the chain at most once a minute for each."""

    def __init__(self, lookup: Callable[[str], Operator | None]) -> None:
        self._lookup = lookup
        self._known: dict[str, tuple[float, bool]] = {}

    async def __call__(self, operator: str) -> bool:
        """A chain that can't be asked admits nobody new."""
        now = time.monotonic()
        at, answer = self._known.get(operator, (-_MEMORY_SECONDS, False))
        if now - at < _MEMORY_SECONDS:
            return answer
        asked = await run_in_threadpool(self._ask, operator)
        if asked is None:
            return False
        if len(self._known) >= _MEMORY:
            self._known.clear()
        self._known[operator] = now, asked
        return asked

    def _ask(self, operator: str) -> bool | None:
        try:
            found = self._lookup(operator)
        except (ChainError, *NONSENSE) as error:
            log.warning("the chain can't be asked about an operator", reason=str(error))
            return None
        return found is not None and found.stake > 0
