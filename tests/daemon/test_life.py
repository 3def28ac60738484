# SPDX-License-Identifier: Apache-2.0
"""What ends a daemon, what it goes on after, and how it stops."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    ContractMissingError,
    DeepReorgError,
    RpcUnavailableError,
    WrongChainError,
    WrongDatabaseError,
)
from offchain_workers.chain.follower import BlockFollower
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.config import Settings
from offchain_workers.daemon.endpoint import KEEP_ALIVE_SECONDS, Endpoint
from offchain_workers.daemon.life import Daemon
from offchain_workers.devnet import Devnet
from tests.daemons import Background

MISSING = ContractMissingError("nothing is at 0x00")
AWAY = RpcUnavailableError("no endpoint answers")


class Turns(Daemon):
    """Each turn raises what is due next; ``owes`` until the test says otherwise."""

    def __init__(self, settings: Settings, follower: BlockFollower, due: list[Exception | None]):
        super().__init__(settings)
        self._follower = follower
        self._endpoint = Endpoint(Starlette(), "127.0.0.1", 0)
        self._due = due
        self.owes = threading.Event()
        self.done = threading.Event()
        self.said: list[str] = []

    def _begin(self) -> None:
        self.said.append("begin")

    def _tick(self) -> None:
        error = self._due.pop(0) if self._due else None
        if error is not None:
            raise error
        if not self._due:
            self.done.set()

    def _resync(self) -> None:
        self.said.append("resync")

    def _finished(self) -> bool:
        return self.stopping and not self.owes.is_set()

    def _close(self) -> None:
        self.said.append("close")

    def _count(self, code: str) -> None:
        self.said.append(code)


class Late(Turns):
    """Saw the contract when it was made."""

    _missing_is_final = False


@pytest.fixture
def follower(embedded: Devnet, tmp_path: Path) -> Iterator[BlockFollower]:
    pool, db = RpcPool([embedded.url]), Database(f"sqlite:///{tmp_path}/turns.db")
    yield BlockFollower(pool, db, {})
    pool.close()
    db.close()


def made(follower: BlockFollower, *due: Exception | None, kind: type[Turns] = Turns) -> Turns:
    return kind(Settings(chain={"poll_seconds": 0.01}), follower, list(due))


def lived(daemon: Turns) -> list[str]:
    """What it said until all that was due had come, and it was stopped."""
    running = Background(daemon)
    running.start()
    assert daemon.done.wait(30)
    running.stop()
    return daemon.said


def test_what_passes_is_counted_and_waited_out(follower: BlockFollower) -> None:
    daemon = made(follower, AWAY, ValueError("not JSON"), None, AWAY, MISSING, None)
    codes = ["MN-CHAIN-001", "MN-CHAIN-006", "MN-CHAIN-001", "MN-CHAIN-031"]
    assert lived(daemon) == ["begin", *codes, "close"]


def test_a_contract_that_is_missing_at_first_is_a_wrong_address(follower: BlockFollower) -> None:
    daemon = made(follower, AWAY, MISSING)
    with pytest.raises(ContractMissingError):
        daemon.run()
    assert daemon.said == ["begin", "MN-CHAIN-001", "close"]
    assert not daemon.wait_ready(0)


def test_who_saw_the_contract_before_waits_for_it_again(follower: BlockFollower) -> None:
    assert lived(made(follower, MISSING, None, kind=Late)) == ["begin", "MN-CHAIN-031", "close"]


@pytest.mark.parametrize("error", [WrongChainError("chain 2"), WrongDatabaseError("of chain 2")])
def test_another_chain_ends_it_at_any_time(follower: BlockFollower, error: Exception) -> None:
    daemon = made(follower, None, error)
    with pytest.raises(type(error)):
        daemon.run()
    assert daemon.said == ["begin", "close"]


def test_a_deep_reorganisation_is_gone_back_behind(follower: BlockFollower) -> None:
    daemon = made(follower, None, DeepReorgError("below all headers", 0), None)
    assert lived(daemon) == ["begin", "resync", "close"]


def test_a_fault_of_its_own_ends_it_and_its_endpoint(follower: BlockFollower) -> None:
    daemon = made(follower, None, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        daemon.run()
    assert daemon.said == ["begin", "close"]
    at = urlsplit(daemon.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((at.hostname, at.port))  # type: ignore[arg-type]


def test_told_to_stop_it_finishes_what_it_owes(follower: BlockFollower) -> None:
    daemon = made(follower)
    daemon.owes.set()
    running = Background(daemon)
    running.start()
    daemon.stop()
    daemon.done.clear()
    assert daemon.done.wait(30), "no turn was taken after the stop"
    daemon.owes.clear()
    running.join()


def test_abandoned_it_finishes_nothing(follower: BlockFollower) -> None:
    daemon = made(follower)
    daemon.owes.set()
    running = Background(daemon)
    running.start()
    running.abandon()
    assert daemon.said == ["begin", "close"]


def test_an_idle_connection_is_the_clients_to_close() -> None:
    """Closed by the server, it can be in use again already: the request is lost on the way."""
    kept = httpx.Limits().keepalive_expiry
    assert kept is not None
    assert kept < KEEP_ALIVE_SECONDS


def test_an_error_that_lasts_is_said_once_and_its_end_too(follower: BlockFollower) -> None:
    with capture_logs() as logs:
        lived(made(follower, AWAY, AWAY, AWAY, None, AWAY, None))
    told = [(line["log_level"], line["event"]) for line in logs if line.get("code") == AWAY.code]
    said, again, passed = (
        ("error", "going on after an error"),
        ("debug", "going on after an error"),
        ("info", "the error has passed"),
    )
    assert told == [said, again, again, passed, said, passed]
