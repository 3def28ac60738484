# SPDX-License-Identifier: Apache-2.0
"""A home of its own for each test: no setting or keystore of the developer's leaks in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offchain_workers.cli import main
from offchain_workers.devnet import start_devnet
from tests.cli.market import PASSWORD, Market, Site, build, model_files

Outcome = tuple[int, str, str]
Fusion = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("FUSION_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fusion(capfd: pytest.CaptureFixture[str]) -> Fusion:
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*args: str) -> Outcome:
        with pytest.raises(SystemExit) as done:
            main(args)
        out, err = capfd.readouterr()
        return int(done.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The contracts on a chain of their own: anvil when it is here, else the one in Python."""
    with start_devnet() as devnet:
        yield build(devnet, tmp_path_factory.mktemp("market"))


@pytest.fixture
def market(
    site: Site, home: Path, fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Market]:
    """The market as it was deployed, and an environment that points at it."""
    monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", site.devnet.url)
    monkeypatch.setenv("FUSION_CHAIN__DEPLOYMENT", str(site.deployment))
    monkeypatch.setenv("FUSION_ACCOUNT__FOLDER", str(site.keys))
    monkeypatch.setenv("FUSION_PASSWORD", PASSWORD)
    snapshot = site.devnet.rpc("evm_snapshot")
    yield Market(site, fusion)
    assert site.devnet.rpc("evm_revert", snapshot)


@pytest.fixture
def published(market: Market, home: Path) -> str:
    """The digits model, listed by the publisher; its files are in the local store."""
    onnx, card = model_files(home)
    return str(
        market.run("publisher", "model", "publish", onnx, "--card", card, "--royalty", "5%")["id"]
    )


@pytest.fixture
def offered(market: Market, published: str) -> str:
    """The digits model, offered by operator and backup, in force."""
    for role, tier in (("operator", "web2_cloud"), ("backup", "virtual_node")):
        market.run(
            role, "operator", "register", "--stake", "1 ether", "--endpoint", "http://127.0.0.1:1"
        )
        market.run(role, "operator", "offer", published, "--price", "0.001 ether", "--tier", tier)
    market.next_epoch()
    return published
