# SPDX-License-Identifier: Apache-2.0
"""A server that gives nothing is left alone for a while, longer each time."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from offchain_workers.models.absent import Absent
from offchain_workers.models.catalog import Catalog, PublishedModel
from offchain_workers.storage import LocalStore, StoreError, StoreUnreachableError

CID = "0x" + "11" * 32


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Takes ``seconds`` for each attempt; counts them."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.asked, self.is_up = clock, seconds, 0, False

    def ask(self, absent: Absent) -> None:
        with absent.asking("http://a", CID):
            self.asked += 1
            self.clock.now += self.seconds
            if not self.is_up:
                raise StoreUnreachableError("nobody is there")


@pytest.mark.parametrize("seconds", [0.0, 1.0, 10.0])
def test_a_server_that_stalls_gets_less_and_less_of_our_time(seconds: float) -> None:
    clock = Clock()
    absent, server, spent = Absent(clock), Server(clock, seconds), 0.0
    while clock.now < 86_400:
        before = clock.now
        with pytest.raises(StoreUnreachableError, match="nobody is there"):
            server.ask(absent)
        spent += clock.now - before
        clock.now += 1
    assert server.asked < 200
    assert spent < 0.02 * clock.now + 1


def test_what_is_there_again_is_found_within_the_longest_pause() -> None:
    clock = Clock()
    absent, server = Absent(clock), Server(clock, 10.0)
    for _ in range(5):
        with pytest.raises(StoreUnreachableError):
            server.ask(absent)
        clock.now += 601
    server.is_up = True
    server.ask(absent)
    server.ask(absent)
    assert server.asked == 7


def test_other_files_and_servers_are_asked_all_the_same() -> None:
    absent, clock = Absent(), Clock()
    with pytest.raises(StoreUnreachableError):
        Server(clock, 0.0).ask(absent)
    for uri, cid in (("http://b", CID), ("http://a", "0x" + "22" * 32)):
        with absent.asking(uri, cid):
            pass


def test_a_catalog_asks_a_dead_server_once_at_first(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        visits = 0

        def hang_up() -> None:
            nonlocal visits
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                visits += 1
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        model = PublishedModel(b"m" * 32, "", CID, CID, bytes(32), 0, uri, 1, {})
        catalog = Catalog([model], LocalStore(tmp_path), allow_private=True)
        for _ in range(5):
            with pytest.raises(StoreError):
                catalog.card(model)
        assert visits == 1
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
