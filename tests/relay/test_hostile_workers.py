# SPDX-License-Identifier: Apache-2.0
"""What a worker, or somebody who would like to be one, can't do to a relay."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from eth_account import Account
from websockets.exceptions import ConnectionClosed, InvalidStatus

from offchain_workers.relay.auth import Place
from offchain_workers.relay.errors import LoginRefusedError
from offchain_workers.relay.frames import MAX_FRAME, MAX_PAYLOAD, WINDOW, Kind, pack, pack_credit
from offchain_workers.relay.quota import Limits
from offchain_workers.relay.server import REFUSED
from tests.operator.world import until
from tests.relay.world import CHAIN, Raw, Site, code

PROTOCOL_ERROR = 1002


def asked(site: Site, raw: Raw, pool: ThreadPoolExecutor) -> tuple[int, Future[httpx.Response]]:
    """A request under way, and its stream."""
    asking = pool.submit(site.get, raw.account, "/health")
    stream, _ = raw.take(Kind.OPEN)
    return stream, asking


def refused(site: Site, answer: str | bytes) -> str:
    """The code for a login that does not pass."""
    raw = Raw(site, Account.create())
    raw.socket.recv(10)
    raw.socket.send(answer)
    told = json.loads(raw.socket.recv(10))
    assert raw.closed() == REFUSED
    return str(told["error"]["code"])


# --- logging in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", [Place("http://other.example", CHAIN), Place("http://127.0.0.1:1", CHAIN + 1)]
)
def test_a_signature_for_another_relay_or_chain_opens_nothing(site: Site, place: Place) -> None:
    raw = Raw(site, Account.create())
    challenge = json.loads(raw.socket.recv(10))
    there = challenge | {"relay": place.url, "chain_id": place.chain_id}
    raw.socket.send(place.answer(json.dumps(there), raw.account))
    assert json.loads(raw.socket.recv(10))["error"]["code"] == "MN-RELAY-020"
    assert raw.closed() == REFUSED
    assert not site.relay.connected(raw.account.address)


def test_a_worker_signs_only_for_the_relay_that_it_dialled(site: Site) -> None:
    """A relay that passes on another one's challenge gets no signature for it."""
    _, foreign = Place("https://honest.example", CHAIN).challenge()
    with pytest.raises(LoginRefusedError, match=r"honest\.example"):
        site.place.answer(foreign, Account.create())


def test_a_login_counts_once(site: Site) -> None:
    raw = Raw(site, Account.create())
    answer = site.place.answer(str(raw.socket.recv(10)), raw.account)
    raw.socket.close()
    assert refused(site, answer) == "MN-RELAY-020"


def test_nobody_logs_in_with_the_address_of_another(site: Site) -> None:
    victim = site.login()
    raw = Raw(site, Account.create())
    answer = json.loads(site.place.answer(str(raw.socket.recv(10)), raw.account))
    raw.socket.send(json.dumps(answer | {"operator": victim.account.address}))
    assert json.loads(raw.socket.recv(10))["error"]["code"] == "MN-RELAY-020"
    assert site.relay.connected(victim.account.address)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[" * 1_000,
        '{"operator": 1, "signature": 2}',
        '{"operator": "0x00", "signature": "0x"}',
        json.dumps({"operator": "0x" + "00" * 20, "signature": "0x"}),
        json.dumps({"operator": "0x" + "00" * 20, "signature": "0x" + "00" * 65}),
        json.dumps({"operator": "0x" + "11" * 20, "signature": "0x" + "ff" * 65}),
        "x" * 40_000,
        b"\xff\xfe",
    ],
)
def test_a_login_of_nonsense_is_refused(site: Site, answer: str | bytes) -> None:
    assert refused(site, answer) == "MN-RELAY-020"


def test_whoever_does_not_log_in_is_sent_away_and_takes_no_place_for_long() -> None:
    site = Site(Limits(login_seconds=0.3, max_logins=2))
    idle = [Raw(site, Account.create()) for _ in range(2)]
    for raw in idle:
        raw.socket.recv(10)
    with pytest.raises(InvalidStatus, match="403"):
        Raw(site, Account.create())
    assert [raw.closed() for raw in idle] == [REFUSED, REFUSED]
    site.login()
    site.stop()


def test_only_the_admitted_connect() -> None:
    friend = Account.create()

    async def admit(operator: str) -> bool:
        return operator == friend.address

    site = Site(admit=admit)
    site.login(friend)
    raw = Raw(site, Account.create())
    raw.socket.send(site.place.answer(str(raw.socket.recv(10)), raw.account))
    assert "may not connect" in json.loads(raw.socket.recv(10))["error"]["message"]
    site.stop()


def test_a_full_relay_takes_no_more_keys_but_known_ones() -> None:
    site = Site(Limits(max_nodes=1))
    first = site.login()
    raw = Raw(site, Account.create())
    raw.socket.send(site.place.answer(str(raw.socket.recv(10)), raw.account))
    assert "no place" in json.loads(raw.socket.recv(10))["error"]["message"]
    site.login(first.account)
    site.stop()


# --- frames -----------------------------------------------------------------------------------

FRAMES: list[Callable[[int], bytes | str]] = [
    lambda stream: b"",
    lambda stream: b"\x02",
    lambda stream: b"\xff" * 5,
    lambda stream: "text",
    lambda stream: b"\x03" * (MAX_FRAME + 1),
    lambda stream: pack(Kind.OPEN, stream + 1, b"{}"),
    lambda stream: pack(Kind.CREDIT, stream, b"\x00"),
    lambda stream: pack_credit(stream, WINDOW + 1),
    lambda stream: pack(Kind.HEAD, stream, b"not json"),
    lambda stream: pack(Kind.HEAD, stream, b"[" * 20_000),
    lambda stream: pack(Kind.HEAD, stream, b'{"status": 100, "headers": []}'),
    lambda stream: pack(Kind.HEAD, stream, b'{"status": true, "headers": []}'),
    lambda stream: pack(Kind.HEAD, stream, b'{"status": 200, "headers": [["etag"]]}'),
    lambda stream: pack(
        Kind.HEAD, stream, b'{"status": 200, "headers": [["etag", "a\\r\\nset-cookie: b"]]}'
    ),
    lambda stream: pack(
        Kind.HEAD,
        stream,
        b'{"status": 200, "headers": [["content-length", "1"], ["Content-Length", "2"]]}',
    ),
    lambda stream: pack(
        Kind.HEAD, stream, b'{"status": 200, "headers": [["content-length", "-1"]]}'
    ),
]


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_a_frame_that_breaks_the_rules_ends_the_connection(site: Site, number: int) -> None:
    raw = site.login()
    other = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.socket.send(FRAMES[number](stream))
        assert raw.closed() in (PROTOCOL_ERROR, 1009)
        assert asking.result().status_code == 502
    assert site.relay.connected(other.account.address)


def test_a_message_too_large_for_any_frame_is_not_even_read(site: Site) -> None:
    raw = site.login()
    with suppress(ConnectionClosed):
        raw.socket.send(b"\x03" * (16 << 20))
    assert raw.closed() in (1006, 1009)
    until(lambda: not site.relay.connected(raw.account.address))


def test_data_beyond_the_credit_ends_the_connection(site: Site) -> None:
    """The relay never holds more of an answer than a window, whoever does not read it."""
    raw = site.login()
    part = bytes(MAX_PAYLOAD)
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        # Without a head the relay passes nothing on, so nothing gives credit back.
        with suppress(ConnectionClosed):
            for _ in range(1 + WINDOW // len(part)):
                raw.send(Kind.DATA, stream, part)
        assert raw.closed() == PROTOCOL_ERROR
        assert asking.result().status_code == 502


def test_an_answer_longer_than_it_said_is_cut_and_ends_the_connection(site: Site) -> None:
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.head(stream, 200, ("content-length", "3"))
        raw.send(Kind.DATA, stream, b"four")
        assert raw.closed() == PROTOCOL_ERROR
        with pytest.raises(httpx.RemoteProtocolError):
            asking.result()


def test_an_answer_shorter_than_it_said_never_looks_whole(site: Site) -> None:
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.head(stream, 200, ("content-length", "3"))
        raw.send(Kind.DATA, stream, b"tw")
        raw.send(Kind.END, stream)
        assert raw.closed() == PROTOCOL_ERROR
        with pytest.raises(httpx.RemoteProtocolError):
            asking.result()


def test_an_answer_that_is_given_up_never_looks_whole(site: Site) -> None:
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.head(stream)
        for _ in range(WINDOW // MAX_PAYLOAD):
            raw.send(Kind.DATA, stream, bytes(MAX_PAYLOAD))
        raw.take(Kind.CREDIT)  # the first part is on its way
        raw.send(Kind.RESET, stream)
        with pytest.raises(httpx.RemoteProtocolError):
            asking.result()
    assert site.relay.connected(raw.account.address)


def test_an_answer_counts_when_its_worker_gives_the_rest_of_the_request_up(site: Site) -> None:
    """All in one go: whoever waits for the head finds it, though the stream is broken by then."""
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            stream, asking = asked(site, raw, pool)
            raw.head(stream, 200)
            raw.send(Kind.DATA, stream, b"whole")
            raw.send(Kind.END, stream)
            raw.send(Kind.RESET, stream)
            assert asking.result().content == b"whole"


def test_frames_for_streams_that_are_not_there_do_nothing(site: Site) -> None:
    raw = site.login()
    for kind in (Kind.HEAD, Kind.DATA, Kind.END, Kind.RESET, Kind.CREDIT):
        raw.send(kind, 77, b"late")
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.head(stream, 204)
        raw.send(Kind.END, stream)
        assert asking.result().status_code == 204


def test_a_worker_that_does_not_answer_costs_its_asker_so_long() -> None:
    site = Site(Limits(grace_seconds=0.5))
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        answer = asking.result()
        assert (answer.status_code, code(answer)) == (504, "MN-RELAY-007")
        assert raw.take(Kind.RESET)[0] == stream
    site.stop()


def test_a_worker_that_drips_its_answer_is_cut_off() -> None:
    site = Site(Limits(grace_seconds=0.5))
    raw = site.login()
    with ThreadPoolExecutor(1) as pool:
        stream, asking = asked(site, raw, pool)
        raw.head(stream)
        end = time.monotonic() + 10
        while not asking.done() and time.monotonic() < end:
            raw.send(Kind.DATA, stream, b".")
            time.sleep(0.05)
        with pytest.raises(httpx.RemoteProtocolError):
            asking.result()
    site.stop()


def test_a_worker_that_reads_nothing_holds_up_only_itself() -> None:
    """Its socket is full; the others go on, and it is given up."""
    site = Site(Limits(beat_seconds=0.1, silence_seconds=1.0, grace_seconds=5.0))
    raw = site.login()
    raw.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with site.worker() as worker, ThreadPoolExecutor(4) as pool:
        large = [
            pool.submit(site.client.post, site.url(raw.account, "/x"), content=bytes(8 << 20))
            for _ in range(4)
        ]
        answer = site.client.get(f"{worker.url}/health")
        assert answer.status_code == 200, answer.text
        assert {asking.result().status_code for asking in large} <= {502, 504}
    site.stop()
