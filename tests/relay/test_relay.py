# SPDX-License-Identifier: Apache-2.0
"""A worker that dialled in is reached with its whole HTTP API; its key alone opens its path."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from eth_account import Account
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Mount

from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.devnet import process
from offchain_workers.relay.auth import Place
from offchain_workers.relay.dial import Redial, RelayEndpoint
from offchain_workers.relay.frames import WINDOW, Kind
from offchain_workers.relay.quota import Limits
from offchain_workers.relay.server import REPLACED, Relay
from offchain_workers.storage import HttpStore, LocalStore
from offchain_workers.storage.serve import blob_router
from tests.operator.world import until
from tests.relay.world import CHAIN, QUICK, Site, api, code


def test_requests_reach_the_worker_and_answers_come_back(site: Site) -> None:
    with site.worker() as worker:
        assert httpx.get(f"{worker.url}/health", trust_env=False).json() == {"live": True}
        found = httpx.get(f"{worker.url}/query?a=1&b=%20", trust_env=False).json()
    assert found == {"query": "a=1&b=%20", "path": "/query"}


def test_bodies_larger_than_any_window_go_through_unchanged(site: Site) -> None:
    body = bytes(range(256)) * 40_000
    assert len(body) > 10 * WINDOW
    with site.worker() as worker:
        answer = site.client.put(f"{worker.url}/echo", content=body)
    assert answer.status_code == 200
    assert answer.content == body


def test_many_requests_share_one_connection(site: Site) -> None:
    with site.worker() as worker, ThreadPoolExecutor(16) as pool:

        def ask(number: int) -> bool:
            body = number.to_bytes(4, "big") * 20_000
            return site.client.post(f"{worker.url}/echo", content=body).content == body

        assert all(pool.map(ask, range(48)))


def test_a_head_request_has_the_headers_and_no_body(site: Site) -> None:
    with site.worker() as worker:
        answer = site.client.head(f"{worker.url}/probe")
    assert (answer.status_code, answer.headers["etag"], answer.content) == (200, '"x"', b"")


def test_an_answer_comes_as_it_is_made(site: Site) -> None:
    """The first part is here before the second exists."""
    go_on = threading.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        yield b"two"

    app = FastAPI()
    app.add_api_route("/stream", lambda: StreamingResponse(parts()))
    with site.worker(app) as worker, site.client.stream("GET", f"{worker.url}/stream") as answer:
        arriving = answer.iter_bytes()
        assert next(arriving) == b"one"
        go_on.set()
        assert b"".join(arriving) == b"two"


def test_a_slow_stream_holds_up_no_other(site: Site) -> None:
    """The reader takes nothing of a large answer; another request goes through meanwhile."""
    app = api()
    app.add_api_route("/large", lambda: StreamingResponse(iter([b"x" * 1_000_000] * 40)))
    with site.worker(app) as worker, site.client.stream("GET", f"{worker.url}/large") as answer:
        assert site.client.get(f"{worker.url}/health").status_code == 200
        assert len(b"".join(answer.iter_bytes())) == 40_000_000


def test_blobs_are_handed_over_and_read_through_the_relay(site: Site, tmp_path: Path) -> None:
    app = FastAPI()
    app.include_router(blob_router(LocalStore(tmp_path), 1 << 20))
    with site.worker(app) as worker:
        store = HttpStore(worker.url, allow_private=True)
        cid = store.put(b"an input" * 10_000)
        assert store.has(cid)
        assert store.get(cid, 1 << 20) == b"an input" * 10_000
        store.close()


def test_nobody_is_there(site: Site) -> None:
    answer = site.get(Account.create(), "/health")
    assert (answer.status_code, code(answer)) == (503, "MN-RELAY-002")
    assert int(answer.headers["retry-after"]) > 0


def test_a_crash_of_the_worker_is_its_own_answer(site: Site) -> None:
    with site.worker() as worker:
        assert site.client.get(f"{worker.url}/crash").status_code == 500
        assert site.client.get(f"{worker.url}/health").status_code == 200


def test_a_worker_that_goes_away_in_the_middle(site: Site) -> None:
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.get, raw.account, "/health")
        raw.take(Kind.OPEN)
        raw.socket.close()
        answer = asking.result()
    assert (answer.status_code, code(answer)) == (502, "MN-RELAY-006")
    until(lambda: not site.relay.connected(raw.account.address))


def test_a_worker_comes_back_after_the_relay_was_away(site: Site) -> None:
    with site.worker() as worker:
        site.stop()
        until(lambda: not worker.connected)
        site.start()
        until(lambda: worker.connected)
        assert site.client.get(f"{worker.url}/health").status_code == 200


def test_a_second_connection_of_the_same_key_replaces_the_first(site: Site) -> None:
    first = site.login()
    second = site.login(first.account)
    assert first.closed() == REPLACED
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.get, first.account, "/health")
        stream, _ = second.take(Kind.OPEN)
        second.head(stream, 204)
        second.send(Kind.END, stream)
        assert asking.result().status_code == 204


def test_a_replaced_worker_does_not_fight_for_its_place(site: Site) -> None:
    with site.worker(redial=Redial(first=0.05, most=30, login=5)) as worker:
        second = site.login(worker._account)
        until(lambda: not worker.connected)
        second.socket.ping().wait(5)
        assert site.relay.connected(second.account.address)


def test_a_silent_worker_is_given_up(site: Site) -> None:
    site.stop()
    quick = Site(Limits(beat_seconds=0.1, silence_seconds=0.5))
    raw = quick.login()
    until(lambda: not quick.relay.connected(raw.account.address))
    quick.stop()


def test_a_worker_gives_a_silent_relay_up(site: Site) -> None:
    quick = Site(Limits(beat_seconds=60, silence_seconds=120))
    redial = Redial(first=0.05, most=0.1, login=5, beat=0.1, silence=0.5)
    with quick.worker(redial=redial) as worker:
        until(lambda: not worker.connected)
        until(lambda: worker.connected)
    quick.stop()


def test_a_relay_is_mounted_in_another_application() -> None:
    port = process.free_port(None)
    place = Place(f"http://127.0.0.1:{port}/relay", CHAIN)
    outer = Starlette(routes=[Mount("/relay", Relay(place).app)])
    endpoint = Endpoint(outer, "127.0.0.1", port)
    endpoint.start()
    worker = RelayEndpoint(api(), place, Account.create(), QUICK)
    worker.start()
    until(lambda: worker.connected)
    assert httpx.get(f"{worker.url}/health", trust_env=False).json() == {"live": True}
    worker.stop()
    endpoint.stop()


def test_pauses_grow_and_are_never_the_same_for_all() -> None:
    redial = Redial(first=1, most=60)
    drawn = [redial.pause(failures) for failures in range(20) for _ in range(50)]
    assert max(drawn) <= 60
    assert min(redial.pause(10) for _ in range(50)) >= 30
    assert len(set(drawn)) == len(drawn)


def test_only_the_headers_of_the_list_pass(site: Site) -> None:
    with site.worker() as worker:
        sent = {"cookie": "a=1", "authorization": "x", "x-forwarded-for": "y", "accept": "text/a"}
        answer = site.client.post(f"{worker.url}/echo", content=b"", headers=sent)
    seen = set(json.loads(answer.headers["etag"]))
    assert seen == {"x-host", "x-accept", "x-accept-encoding", "x-user-agent", "x-content-length"}


@pytest.mark.parametrize("name", ["set-cookie", "location", "access-control-allow-origin"])
def test_a_worker_can_not_speak_for_the_relays_origin(site: Site, name: str) -> None:
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.get, raw.account, "/page")
        stream, _ = raw.take(Kind.OPEN)
        raw.head(stream, 200, (name, "x"), ("content-type", "text/html"))
        raw.send(Kind.END, stream)
        answer = asking.result()
    assert name not in answer.headers
    assert "sandbox" in answer.headers["content-security-policy"]
