# SPDX-License-Identifier: Apache-2.0
"""What a relay can't do to a worker that dialled it: it waits, and tries again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from eth_account import Account
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from offchain_workers.relay.auth import Place
from offchain_workers.relay.dial import RelayEndpoint
from offchain_workers.relay.frames import MAX_FRAME, Kind, pack
from tests.operator.world import until
from tests.relay.world import CHAIN, QUICK, api

Script = Callable[[ServerConnection, Place], None]


@contextmanager
def relay_that(plays: Script) -> Iterator[tuple[RelayEndpoint, list[int]]]:
    """A worker on a relay that does this to each connection; a list with an entry for each."""
    calls: list[int] = []

    def handle(socket: ServerConnection) -> None:
        calls.append(1)
        try:
            plays(socket, place)
        except ConnectionClosed:
            return

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        place = Place(f"http://127.0.0.1:{server.socket.getsockname()[1]}", CHAIN)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        worker = RelayEndpoint(api(), place, Account.create(), QUICK)
        worker.start()
        yield worker, calls
        worker.stop()
        server.shutdown()


def let_in(socket: ServerConnection, place: Place) -> None:
    nonce, challenge = place.challenge()
    socket.send(challenge)
    place.operator(str(socket.recv(5)), nonce)
    socket.send(json.dumps({"ok": True}))


LOGINS: list[str | bytes] = [
    "",
    "{}",
    b"\x00",
    "[" * 30_000,
    "x" * 2_000,
    json.dumps({"schema": "relay@1", "relay": "http://other", "chain_id": 1, "nonce": "0x00"}),
]


@pytest.mark.parametrize("challenge", LOGINS)
def test_a_challenge_that_is_none_gets_no_signature(challenge: str | bytes) -> None:
    answers: list[str | bytes] = []

    def play(socket: ServerConnection, _: Place) -> None:
        socket.send(challenge)
        answers.append(socket.recv(5))

    with relay_that(play) as (worker, calls):
        until(lambda: len(calls) >= 2)
        assert not worker.connected
    assert answers == []


@pytest.mark.parametrize("verdict", ["", "[]", "{}", "[" * 30_000, '{"error": {"message": 5}}'])
def test_a_verdict_on_the_login_that_is_none(verdict: str) -> None:
    def play(socket: ServerConnection, place: Place) -> None:
        socket.send(place.challenge()[1])
        socket.recv(5)
        socket.send(verdict)
        socket.recv(5)

    with relay_that(play) as (worker, calls):
        until(lambda: len(calls) >= 2)
        assert not worker.connected


FRAMES: list[bytes | str] = [
    b"",
    "text",
    b"\xff" * 10,
    bytes(MAX_FRAME + 100_000),
    pack(Kind.OPEN, 1, b"{}"),
    pack(Kind.OPEN, 1, b"[" * 20_000),
    pack(Kind.OPEN, 1, b'{"method": "GET", "path": "/../x", "query": "", "headers": []}'),
]


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_a_frame_that_breaks_the_rules_ends_the_connection(frame: bytes | str) -> None:
    def play(socket: ServerConnection, place: Place) -> None:
        let_in(socket, place)
        socket.send(frame)
        while True:
            socket.recv(5)

    with relay_that(play) as (_, calls):
        until(lambda: len(calls) >= 2)


def test_a_relay_that_opens_more_than_it_may_gets_refusals_and_no_more() -> None:
    """Requests whose bodies never come: those beyond the most are given up, the worker lives."""
    given_up: list[int] = []
    head = {"method": "POST", "path": "/echo", "query": "", "headers": []}

    def play(socket: ServerConnection, place: Place) -> None:
        let_in(socket, place)
        for number in range(1, 101):
            socket.send(pack(Kind.OPEN, number, json.dumps(head).encode()))
        while True:
            message = socket.recv(5)
            if message[0] == Kind.RESET:
                given_up.append(1)

    with relay_that(play) as (worker, _):
        until(lambda: len(given_up) == 36)
        assert worker.connected
