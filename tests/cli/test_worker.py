# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from offchain_workers.devnet import process
from tests.cli.market import Market
from tests.cli.test_doctor import ROOT, Doctor

READY_SECONDS = 60.0
LOG = Path("worker.log")


@pytest.fixture
def endpoint(market: Market, published: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`fusion worker` as a process, once it is ready."""
    port = process.free_port(None)
    url = f"http://127.0.0.1:{port}"
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", url)
    price = ("--price", "0.001 ether", "--tier", "web2_cloud")
    market.run("operator", "operator", "offer", published, *price)
    for name, value in {
        "ACCOUNT__KEYSTORE": "operator",
        "WORKER__LISTEN_PORT": str(port),
        "WORKER__PUBLIC_URL": url,
        "ENGINE__PROVIDER": "cpu",
        "CHAIN__POLL_SECONDS": "0.1",
    }.items():
        monkeypatch.setenv(f"FUSION_{name}", value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    worker = process.spawn([sys.executable, "-m", "offchain_workers.cli", "worker"], LOG)
    try:
        _await_ready(worker, url)
        yield url
    finally:
        worker.terminate()
        assert worker.wait(READY_SECONDS) == 0, LOG.read_text()


def _await_ready(worker: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert worker.poll() is None, LOG.read_text()
        try:
            if httpx.get(f"{url}/health", trust_env=False).json()["ready"]:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(LOG.read_text())


def test_the_worker_serves_what_the_operator_offers(
    market: Market, published: str, endpoint: str, fusion: object
) -> None:
    health = httpx.get(f"{endpoint}/health", trust_env=False).json()
    assert health["operator"] == market.site.address("operator")
    assert health["models"] == [published]
    doctor = Doctor(fusion)
    assert doctor.levels("worker") == ["ok"]
    assert any("a worker is running" in row["message"] for row in doctor.rows)


def test_a_worker_without_its_password_does_not_start(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_PASSWORD", "guess")
    assert market.refused("operator", "worker")[0] == "MN-KEY-006"
