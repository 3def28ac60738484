# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from offchain_workers.storage import (
    BlobCorruptError,
    BlobMissingError,
    BlobTooLargeError,
    HttpStore,
    InvalidContentIdError,
    InvalidLocationError,
    LocalStore,
    PrivateAddressError,
    StoreError,
    StoreUnreachableError,
    addresses,
    content_id,
)

Reply = Callable[[BaseHTTPRequestHandler], None]
StartServer = Callable[[Reply], str]
GOOD = b"the bytes that were asked for"


def answer(status: int, body: bytes, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def test_put_get_has_over_a_real_server(served: tuple[str, LocalStore]) -> None:
    base, behind = served
    store = HttpStore(base, allow_private=True)
    data = os.urandom(70_000)
    cid = store.put(data)
    assert behind.get(cid, len(data)) == data
    assert store.has(cid)
    assert store.get(cid, len(data)) == data
    store.close()


def test_missing_blob(served: tuple[str, LocalStore]) -> None:
    store = HttpStore(served[0], allow_private=True)
    assert not store.has(content_id(b"x"))
    with pytest.raises(BlobMissingError):
        store.get(content_id(b"x"), 10)


def test_invalid_id_never_leaves_the_machine() -> None:
    with pytest.raises(InvalidContentIdError):
        HttpStore("http://192.0.2.1").get("../secrets", 10)


def test_server_refuses_a_put_over_its_limit(served: tuple[str, LocalStore]) -> None:
    with pytest.raises(BlobTooLargeError):
        HttpStore(served[0], allow_private=True).put(bytes(100_001))


def test_server_refuses_a_body_that_is_not_the_blob(served: tuple[str, LocalStore]) -> None:
    base, behind = served
    cid = content_id(b"promised")
    refused = httpx.put(f"{base}/blobs/{cid}", content=b"delivered")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "MN-STORE-003")
    assert not behind.has(cid)
    assert not behind.has(content_id(b"delivered"))


def test_server_counts_a_body_of_unknown_length(served: tuple[str, LocalStore]) -> None:
    chunks = (bytes(10_000) for _ in range(20))
    refused = httpx.put(f"{served[0]}/blobs/{content_id(b'x')}", content=chunks)
    assert refused.status_code == 413


def test_server_refuses_an_invalid_id(served: tuple[str, LocalStore]) -> None:
    assert httpx.get(f"{served[0]}/blobs/0x12").json()["error"]["code"] == "MN-STORE-001"


def test_server_never_serves_a_damaged_blob(served: tuple[str, LocalStore]) -> None:
    base, behind = served
    cid = behind.put(GOOD)
    (behind.folder / cid[2:4] / cid[2:]).write_bytes(b"damaged")
    assert httpx.get(f"{base}/blobs/{cid}").json()["error"]["code"] == "MN-STORE-003"


def test_limit_of_the_reader_holds(served: tuple[str, LocalStore]) -> None:
    cid = served[1].put(GOOD)
    with pytest.raises(BlobTooLargeError):
        HttpStore(served[0], allow_private=True).get(cid, len(GOOD) - 1)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(200, b"other bytes"), BlobCorruptError),
        (answer(200, b"", Content_Length="999999999999"), BlobTooLargeError),
        (answer(200, bytes(200)), BlobTooLargeError),
        (answer(302, b"", Location="http://169.254.169.254/"), StoreUnreachableError),
        (answer(500, b"oops"), StoreUnreachableError),
        (answer(200, b"short", Content_Length="50"), StoreUnreachableError),
        (lambda handler: handler.wfile.write(b"not HTTP\r\n\r\n"), StoreUnreachableError),
    ],
    ids=["wrong-bytes", "huge-announced", "huge-sent", "redirect", "500", "cut-off", "no-http"],
)
def test_lying_server_gets_a_typed_error(
    lying_server: StartServer, reply: Reply, error: type[StoreError]
) -> None:
    with pytest.raises(error):
        HttpStore(lying_server(reply), allow_private=True).get(content_id(GOOD), 100)


def test_server_that_drips_meets_the_deadline(lying_server: StartServer) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x")
                time.sleep(0.01)
        except OSError:
            return

    store = HttpStore(lying_server(drip), allow_private=True, deadline=0.1)
    with pytest.raises(StoreUnreachableError, match=r"took over 0\.1 s"):
        store.get(content_id(GOOD), 10_000)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(StoreUnreachableError):
            HttpStore(base, allow_private=True).get(content_id(GOOD), 100)


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://2130706433",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://100.64.0.1",
        "http://0.0.0.0",
        "http://[fe80::1]",
        "http://[64:ff9b::7f00:1]",
        "http://[2002:7f00:1::]",
    ],
)
def test_private_addresses_are_refused_by_default(base: str) -> None:
    with pytest.raises(PrivateAddressError):
        HttpStore(base).get(content_id(GOOD), 100)


def test_public_addresses_pass() -> None:
    assert addresses.is_public(ipaddress.ip_address("8.8.8.8"))
    assert addresses.is_public(ipaddress.ip_address("2606:4700::1111"))


def test_connects_to_the_address_that_was_checked(
    served: tuple[str, LocalStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address after the check (DNS rebinding) is never asked again."""
    base, behind = served
    cid = behind.put(GOOD)
    lookups: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        assert host == "blobs.example", "resolved again while connecting"
        lookups.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: (
            real(host, *a, **k) if host == "127.0.0.1" else resolve(host, *a, **k)
        ),
    )
    store = HttpStore(base.replace("127.0.0.1", "blobs.example"))
    assert store.get(cid, 100) == GOOD
    assert lookups == ["blobs.example"]


@pytest.mark.parametrize(
    "base",
    [
        "",
        "ftp://host",
        "host:80",
        "http://",
        "http://u:p@host",
        "http://host?q=1",
        "http://h#f",
        "http://xn--a",
        "http://xn--",
        "http://a..b",
        "http://h/%00",
        "http://h:0x1",
        "http://[::",
        "http://" + "a" * 64,
        "http://h\0",
        r"\xff\xfe",
    ],
)
def test_base_must_be_a_plain_url(base: str) -> None:
    with pytest.raises(InvalidLocationError):
        HttpStore(base)


def test_unknown_host() -> None:
    with pytest.raises(StoreUnreachableError):
        HttpStore("http://no-such-host.invalid").get(content_id(GOOD), 100)
