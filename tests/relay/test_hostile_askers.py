# SPDX-License-Identifier: Apache-2.0
"""What somebody who asks for a worker can't do to the relay, the worker, or others who ask."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain_workers.daemon import patience
from offchain_workers.relay.errors import ProtocolError
from offchain_workers.relay.frames import Kind
from offchain_workers.relay.heads import Request
from offchain_workers.relay.quota import Bucket, Limits
from tests.operator.world import until
from tests.relay.world import Site, code

NODE = "0x" + "ab" * 20


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "path",
    [
        "/nodes/{node}",
        "/nodes/{node}/",
        "/nodes/{node}//health",
        "/nodes/{node}/./health",
        "/nodes/{node}/../{other}/health",
        "/nodes/{node}/a/../../{other}/health",
        "/nodes/{node}/%2e%2e/health",
        "/nodes/{node}/%2Fhealth",
        "/nodes/{node}/health%00",
        "/nodes/{node}/health%0d%0aX: y",
        "/nodes/{node}/a\\b",
        "/nodes/{node}/health;x=1",
        "/nodes/{node}/health/",
        "/nodes/%30x{bare}/health",
        "/nodes/{node}x/health",
        "/nodes/0x/health",
        "/nodes/{node}/" + "a" * 1_100,
        "/nodes/{node}/health?" + "a" * 2_100,
        "/nodes/{node}/health?a=\\x00\\xff",
    ],
)
def test_tricks_with_the_path_are_refused_and_never_reach_a_worker(site: Site, path: str) -> None:
    raw = site.login()
    other = site.login()
    node = raw.account.address
    asked = path.format(node=node, bare=node[2:], other=other.account.address)
    request = f"GET {asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    request = request.replace("\\x00\\xff", "\x00\xff")
    assert status(site.raw_http(request.encode("latin-1"))) in (307, 400, 404)
    for worker in (raw, other):
        worker.socket.ping().wait(5)
        assert Kind.OPEN not in worker.waiting()


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PATCH", "FOO"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    raw = site.login()
    answer = site.client.request(method, site.url(raw.account, "/health"))
    assert answer.status_code in (400, 405)


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \x0bchunked",
        "Accept: a\r\n b",
        "Accept : a",
        "Range: a\r\nRange: b",
    ],
)
def test_ambiguous_heads_reach_no_worker_with_a_second_request_in_them(
    site: Site, headers: str
) -> None:
    """Smuggling: whatever the server in front reads, the worker sees one request at most."""
    raw = site.login()
    inner = f"GET /nodes/{raw.account.address}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    request = (
        f"POST /nodes/{raw.account.address}/outer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"{headers}\r\n\r\n0\r\n\r\n{inner}"
    )
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.raw_http, request.encode("latin-1"))
        seen = []
        end = time.monotonic() + 5
        while not asking.done() and time.monotonic() < end:
            try:
                message = raw.socket.recv(0.1)
            except TimeoutError:
                continue
            assert isinstance(message, bytes)
            if message[0] == Kind.OPEN:
                seen.append(message)
                raw.send(Kind.RESET, int.from_bytes(message[1:5], "big"))
    assert len(seen) <= 1
    assert not any(b"smuggled" in message for message in seen)
    assert not any(b"transfer-encoding" in message for message in seen)


def test_hop_by_hop_headers_stay_behind(site: Site) -> None:
    raw = site.login()
    sent = {"Connection": "accept, x-a", "Keep-Alive": "1", "TE": "trailers", "X-A": "1"}
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.get, raw.account, "/health", headers=sent)
        stream, head = raw.take(Kind.OPEN)
        raw.head(stream, 200, ("connection", "close"), ("keep-alive", "9"), ("trailer", "x"))
        raw.send(Kind.END, stream)
        answer = asking.result()
    names = {name for name, _ in Request.unpack(head).headers}
    assert names == {b"accept", b"accept-encoding", b"user-agent"}
    assert not {"keep-alive", "trailer"} & set(answer.headers)


def test_a_body_that_says_it_is_too_large_is_refused_at_once() -> None:
    site = Site(Limits(max_body=1_000))
    raw = site.login()
    request = f"POST /nodes/{raw.account.address}/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n"
    answer = site.raw_http(f"{request}Connection: close\r\n\r\n".encode())
    assert status(answer) == 413
    assert b"MN-RELAY-004" in answer
    site.stop()


def test_a_body_that_grows_too_large_is_cut_off() -> None:
    site = Site(Limits(max_body=100_000))
    with site.worker() as worker:
        endless = (bytes(10_000) for _ in range(1_000))
        answer = site.client.post(f"{worker.url}/echo", content=endless)
        assert (answer.status_code, code(answer)) == (413, "MN-RELAY-004")
        assert site.client.get(f"{worker.url}/health").status_code == 200
    site.stop()


def test_an_answer_that_is_too_large_is_not_begun() -> None:
    site = Site(Limits(max_body=1_000))
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(site.get, raw.account, "/x")
        stream, _ = raw.take(Kind.OPEN)
        raw.head(stream, 200, ("content-length", "1001"))
        assert asking.result().status_code == 502
    site.stop()


def test_whoever_drips_a_body_takes_no_stream_of_the_worker() -> None:
    site = Site(Limits(early_seconds=0.5, max_streams=1))
    with site.worker() as worker:
        path = worker.url.removeprefix(site.place.url)
        head = f"POST {path}/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", site.port), 10) as slow:
            slow.sendall(head + b"a")
            assert site.client.get(f"{worker.url}/health").status_code == 200
            slow.settimeout(10)
            answer = slow.recv(65_536)
    assert status(answer) == 408
    assert b"MN-RELAY-005" in answer
    site.stop()


def test_whoever_drips_a_large_body_is_cut_off() -> None:
    site = Site(Limits(early_bytes=1, grace_seconds=0.5))
    with site.worker() as worker:
        path = worker.url.removeprefix(site.place.url)
        head = f"POST {path}/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", site.port), 10) as slow:
            slow.sendall(head + b"ab")
            slow.settimeout(10)
            assert status(slow.recv(65_536)) == 504
        until(lambda: worker.connected)
    site.stop()


@pytest.mark.parametrize("part", [b"", b"GET /health HTTP/1.1\r\nHo"])
def test_whoever_drips_a_head_is_cut_off(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    site = Site()
    with socket.create_connection(("127.0.0.1", site.port), 10) as slow:
        slow.sendall(part)
        slow.settimeout(10)
        assert slow.recv(100) == b""
    # A connection that was used before is no different.
    with socket.create_connection(("127.0.0.1", site.port), 10) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.settimeout(10)
        answer = b""
        while not answer.endswith(b"}"):
            answer += slow.recv(65_536)
        slow.sendall(b"GET /hea")
        assert slow.recv(100) == b""
    with site.worker() as worker:
        assert worker.connected
    site.stop()


def test_whoever_hangs_up_frees_the_workers_stream(site: Site) -> None:
    raw = site.login()
    request = f"GET /nodes/{raw.account.address}/x HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), 10) as wire:
        wire.sendall(request.encode())
        stream, _ = raw.take(Kind.OPEN)
    assert raw.take(Kind.RESET)[0] == stream


def test_more_requests_at_once_than_a_worker_has_streams_are_told_to_wait() -> None:
    site = Site(Limits(max_streams=2))
    raw, other = site.login(), site.login()
    with ThreadPoolExecutor(3) as pool:
        two = [pool.submit(site.get, raw.account, "/x") for _ in range(2)]
        streams = [raw.take(Kind.OPEN)[0] for _ in two]
        third = site.get(raw.account, "/x")
        assert (third.status_code, code(third)) == (429, "MN-RELAY-003")
        assert int(third.headers["retry-after"]) > 0
        elsewhere = pool.submit(site.get, other.account, "/x")
        for worker, stream in [
            (raw, streams[0]),
            (raw, streams[1]),
            (other, other.take(Kind.OPEN)[0]),
        ]:
            worker.head(stream, 204)
            worker.send(Kind.END, stream)
        assert [done.result().status_code for done in (*two, elsewhere)] == [204] * 3
    site.stop()


def test_a_quota_of_requests_and_of_bytes_is_each_workers_own() -> None:
    site = Site(Limits(requests_per_second=1, bytes_per_second=1_000))
    with site.worker() as worker, site.worker() as other:
        codes = [site.client.get(f"{worker.url}/health").status_code for _ in range(4)]
        assert codes[0] == 200
        assert codes[-1] == 429
        assert site.client.post(f"{other.url}/echo", content=bytes(200_000)).status_code == 200
        refused = site.client.get(f"{other.url}/health")
        assert (refused.status_code, code(refused)) == (429, "MN-RELAY-003")
        assert int(refused.headers["retry-after"]) > 60
    site.stop()


def test_a_bucket_fills_at_its_rate_and_no_further() -> None:
    now = [0.0]
    bucket = Bucket(10, 20, lambda: now[0])
    bucket.take(25)
    assert bucket.wait() == pytest.approx(0.5)
    now[0] = 0.5
    assert bucket.wait() == 0
    now[0] = 1_000
    bucket.take(20)
    assert bucket.wait() == 0
    bucket.take(1)
    assert bucket.wait() == pytest.approx(0.1)


# --- the worker trusts no relay -----------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"{}",
        b'{"method": "GET", "path": "/a/../b", "query": "", "headers": []}',
        b'{"method": "TRACE", "path": "/a", "query": "", "headers": []}',
        b'{"method": "GET", "path": "a", "query": "", "headers": []}',
        b'{"method": "GET", "path": "/a", "query": "\\r\\n", "headers": []}',
        b'{"method": "GET", "path": "/a", "query": 1, "headers": []}',
        b'{"method": "GET", "path": ["/a"], "query": "", "headers": []}',
        b'{"method": "GET", "path": "/a", "query": "", "headers": {"a": "b"}}',
        b'{"method": "GET", "path": "/a", "query": "", "headers": [["accept", "a\\nb"]]}',
        b'{"method": "GET", "path": "/a", "query": "", "headers": [["accept", "\\u0100"]]}',
    ],
)
def test_a_worker_refuses_a_head_that_no_relay_sends(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        Request.unpack(head)


def test_credentials_and_addresses_of_a_relays_making_do_not_pass() -> None:
    head = (
        b'{"method": "GET", "path": "/a", "query": "", "headers": '
        b'[["authorization", "x"], ["host", "x"], ["x-forwarded-for", "x"], ["accept", "y"]]}'
    )
    assert Request.unpack(head).headers == [(b"accept", b"y")]


def test_a_worker_sheds_what_is_more_than_it_answers_at_once(site: Site) -> None:
    with site.worker(most=0) as worker:
        answer = site.client.get(f"{worker.url}/health")
        assert (answer.status_code, code(answer)) == (502, "MN-RELAY-006")
        assert worker.connected
