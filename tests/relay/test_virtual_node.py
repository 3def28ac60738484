# SPDX-License-Identifier: Apache-2.0
"""A worker that nobody can dial serves jobs: accepted through its relay, delivered, paid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain_workers.relay.serve import Registered
from offchain_workers.relay.server import REFUSED
from offchain_workers.requester.workers import Member, WorkerClient
from offchain_workers.storage import content_id
from offchain_workers.storage.reference import encode_reference
from tests.operator.world import PIXELS, PRICE, Market, until
from tests.relay.listening import listening
from tests.relay.uplink import Outside
from tests.relay.world import CHAIN, Raw, Site

ROOT = Path(__file__).parents[2]


@contextmanager
def relay_of(market: Market) -> Iterator[Site]:
    """A relay that admits the market's registered operators."""
    assert market.chain.chain_id == CHAIN
    site = Site(admit=Registered(market.network.subnets.operator))
    yield site
    site.stop()


def client(market: Market, operator: LocalAccount) -> WorkerClient:
    """As a requester has it: the endpoint is the one announced on the chain."""
    _, url = market.announced(operator.address)
    return WorkerClient(Member(0, operator.address, PRICE, url))


def serves_a_job(market: Market, operator: LocalAccount) -> None:
    """Asked for its promise, given an input of its own to fetch, posted, delivered, paid."""
    worker = client(market, operator)
    until(lambda: worker.load() is not None)
    assert worker.hand_over(PIXELS)
    terms = market.terms()
    data = encode_reference(content_id(PIXELS), worker.member.endpoint)
    acceptance = worker.ask(terms, data, market.network.marketplace.domain)
    before = market.network.marketplace.balance(operator.address)
    job = market.post(terms, data, acceptance)
    until(lambda: market.paid(job), 60)
    assert market.delivered(job)[0]["operator"] == operator.address
    assert market.network.marketplace.balance(operator.address) > before
    worker.close()


def test_a_worker_with_a_relay_listens_nowhere_and_serves_jobs(market: Market) -> None:
    operator = market.operators[0]
    with relay_of(market) as site:
        before = listening(os.getpid())
        with market.worker(operator, relay=site.place.url) as running:
            assert running.worker.url == site.url(operator)
            until(lambda: market.announced(operator.address)[1] == site.url(operator))
            assert listening(os.getpid()) == before
            serves_a_job(market, operator)


def test_only_registered_operators_are_admitted(market: Market) -> None:
    with relay_of(market) as site:
        site.login(market.operators[0])
        stranger = Raw(site, Account.create())
        challenge = str(stranger.socket.recv(10))
        stranger.socket.send(site.place.answer(challenge, stranger.account))
        assert "registered operators" in str(stranger.socket.recv(10))
        assert stranger.closed() == REFUSED


def test_a_virtual_node_in_a_namespace_with_no_way_in(market: Market, tmp_path: Path) -> None:
    """Its own network namespace: no interface but loopback, and a Unix socket to dial out by."""
    operator = market.operators[0]
    market.stock(operator.address)
    chain_port = urlsplit(market.chain.url).port
    assert chain_port is not None
    with relay_of(market) as site:
        outside = Outside(tmp_path / "wall", (site.port, chain_port))
        settings = market.settings(operator.address, relay=site.place.url, listen_port=8_700)
        text = settings.model_dump_json() + "\n" + operator.key.hex() + "\n"
        with node(tmp_path / "wall", (site.port, chain_port), text) as pid:
            until(lambda: site.relay.connected(operator.address), 60)
            assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
            assert listening(pid) == set()
            assert interfaces(pid) == {"lo"}
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", 8_700), 5)
            until(lambda: market.announced(operator.address)[1] == site.url(operator), 60)
            serves_a_job(market, operator)
        outside.close()


def interfaces(pid: int) -> set[str]:
    """Of the process's network namespace."""
    lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}


@contextmanager
def node(wall: Path, ports: tuple[int, ...], text: str) -> Iterator[int]:
    """The worker's process id."""
    program = [sys.executable, str(ROOT / "tests/relay/uplink.py"), str(wall), *map(str, ports)]
    child = subprocess.Popen(
        [*namespace(), *program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(text)
    child.stdin.close()
    pid = int(child.stdout.readline())
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGTERM)
        try:
            child.wait(30)
        finally:
            child.kill()
            child.stdout.close()


def namespace() -> list[str]:
    """How to run a command in a new network namespace; the test skips where that is refused."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare or iproute2 is missing")
    for command in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if subprocess.run([*command, "ip", "link"], capture_output=True).returncode == 0:
            return command
    pytest.skip("network namespaces are not allowed here; the worker that listens nowhere was run")
