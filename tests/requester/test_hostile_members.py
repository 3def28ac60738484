# SPDX-License-Identifier: Apache-2.0
"""Members whose endpoints lie, stall, swell, or lead where nobody should go."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest

from offchain_workers.balancing import Outcome
from offchain_workers.manifest import ManifestInvalidError, Place
from offchain_workers.requester.errors import RequesterError, WorkerUnreachableError
from offchain_workers.requester.primary import outcome_of_asking
from offchain_workers.requester.workers import Member, WorkerClient, talking
from tests.requester.members import listening
from tests.requester.test_primary import DOMAIN, OPERATORS, TERMS

ACCEPTED = {"until": 1, "pledge": 1, "v": 27, "r": 1, "s": 1}
BODIES = {
    "refusal-of-text": (503, b'{"error": "no"}'),
    "refusal-of-lists": (422, b'{"error": [1, 2]}'),
    "refusal-without-end": (422, json.dumps({"error": {"message": "\n" + "x" * 60_000}}).encode()),
    "infinity": (200, json.dumps({**ACCEPTED, "until": float("inf")}).encode()),
    "large-v": (200, json.dumps({**ACCEPTED, "v": 10**40}).encode()),
    "negative": (200, json.dumps({**ACCEPTED, "pledge": -1}).encode()),
    "deep": (200, b"[" * 60_000),
    "compressed": (200, gzip.compress(b'{"ready": true, "queue": 0}')),
    "text-load": (200, b'{"ready": true, "in_flight": "many"}'),
    "less-than-nothing": (200, b'{"ready": true, "in_flight": -9, "queue": 0}'),
    "endless-load": (200, b'{"ready": true, "in_flight": Infinity}'),
}


class Hostile(BaseHTTPRequestHandler):
    """Answers as the first step of its path says."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        name = self.path.split("/")[1]
        self.seen.append(self.path)
        status, body = BODIES.get(name, (200, b""))
        self.send_response(status)
        if name == "compressed":
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        try:
            for part in {"endless": self._endless, "drip": self._drip}.get(name, lambda: [body])():
                self.wfile.write(part)
        except OSError:
            return

    def do_GET(self) -> None:
        self.do_POST()

    def do_PUT(self) -> None:
        self.do_POST()

    def _endless(self) -> Iterator[bytes]:
        while True:
            yield b" " * 65_536

    def _drip(self) -> Iterator[bytes]:
        for _ in range(200):
            yield b" "
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening(Hostile) as at:
        yield at


@pytest.mark.parametrize("name", [*BODIES, "endless"])
def test_no_answer_raises_anything_but_its_members_fault(url: str, name: str) -> None:
    """Whatever else came out of it would end the job of somebody who might ask the next member."""
    member = Member(0, OPERATORS[0], 100, f"{url}/{name}")
    with talking(member) as worker, pytest.raises(RequesterError) as told:
        worker.ask(TERMS, b"", DOMAIN)
    assert len(told.value.message) < 500
    assert told.value.message.isprintable()
    with talking(member) as worker:
        assert worker.load() is None
        with pytest.raises((RequesterError, ManifestInvalidError)):
            worker.sealing_key(Place(31337, OPERATORS[0]))


def test_an_answer_that_drips_ends_with_the_time_for_it(url: str) -> None:
    worker = WorkerClient(Member(0, OPERATORS[0], 100, f"{url}/drip"), timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(WorkerUnreachableError) as told:
        worker.ask(TERMS, b"", DOMAIN)
    assert time.monotonic() - begun < 5
    assert outcome_of_asking(told.value) is Outcome.TIMEOUT
    worker.close()


def test_an_endpoint_in_our_own_network_is_never_asked(url: str) -> None:
    """What an operator announces is a stranger's word: our metadata service is not a worker."""
    port = url.rpartition(":")[2]
    Hostile.seen.clear()
    for endpoint in (url, f"http://localhost:{port}", "http://169.254.169.254/latest", "file:///x"):
        member = Member(0, OPERATORS[0], 100, endpoint, allow_private=False)
        with talking(member) as worker:
            with pytest.raises(WorkerUnreachableError) as told:
                worker.ask(TERMS, b"secret", DOMAIN)
            assert outcome_of_asking(told.value) is Outcome.UNAVAILABLE
            assert worker.load() is None
            assert not worker.hand_over(b"secret")
    assert Hostile.seen == []
