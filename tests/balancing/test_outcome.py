# SPDX-License-Identifier: Apache-2.0
"""What an answer, or the lack of one, says about a target: on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from offchain_workers.balancing import Outcome, outcome_of_error, outcome_of_status


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (400, Outcome.BAD_INPUT),
        (422, Outcome.BAD_INPUT),
        (500, Outcome.BAD_INPUT),
        (429, Outcome.UNAVAILABLE),
        (503, Outcome.UNAVAILABLE),
        (502, Outcome.RESET),
        (504, Outcome.TIMEOUT),
    ],
)
def test_statuses(status: int, outcome: Outcome) -> None:
    assert outcome_of_status(status) is outcome


def answer_of(serve: Callable[[socket.socket], None]) -> BaseException:
    """What httpx raises at a server that handles its one connection so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: serve(listener.accept()[0]))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with pytest.raises(httpx.HTTPError) as caught:
                httpx.get(url, timeout=0.2, trust_env=False).raise_for_status()
        finally:
            thread.join()
    return caught.value


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError) as caught:
            httpx.get(f"http://127.0.0.1:{unused.getsockname()[1]}", trust_env=False)
    assert outcome_of_error(caught.value) is Outcome.CONNECT


def test_hanging_up_without_an_answer() -> None:
    assert outcome_of_error(answer_of(lambda peer: peer.close())) is Outcome.RESET


def test_saying_nothing() -> None:
    done = threading.Event()

    def wait(peer: socket.socket) -> None:
        while peer.recv(65_536):
            pass
        peer.close()
        done.set()

    assert outcome_of_error(answer_of(wait)) is Outcome.TIMEOUT
    assert done.wait(5)


def test_an_answer_of_500() -> None:
    def refuse(peer: socket.socket) -> None:
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
        peer.close()

    assert outcome_of_error(answer_of(refuse)) is Outcome.BAD_INPUT


def test_a_fault_of_our_own_says_nothing() -> None:
    assert outcome_of_error(ValueError("ours")) is Outcome.CANCELLED
