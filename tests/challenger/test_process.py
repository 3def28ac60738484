# SPDX-License-Identifier: Apache-2.0
"""`fusion watch` as a process of its own: signals, kill -9 at every stage of a game."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain_workers.devnet import start_devnet
from offchain_workers.devnet.process import free_port
from tests.challenger.world import Liar, challengers, claim, compiled_market, settings_of, wrong
from tests.operator.world import until
from tests.opml.onchain import OpmlMarket

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def opml(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpmlMarket]:
    """On each kind of chain in turn, with a clock that nobody has moved before."""
    with start_devnet(request.param) as chain, compiled_market(chain, tmp_path) as found:
        yield found


@dataclass
class Shop:
    """The settings and the keystore of one watcher, and its processes' output."""

    opml: OpmlMarket
    account: LocalAccount
    url: str | None = None  # of another chain than the market's

    @property
    def home(self) -> Path:
        return self.opml.market.folder / self.account.address

    @property
    def output(self) -> Path:
        return self.home / "watch.jsonl"

    def env(self) -> dict[str, str]:
        settings = settings_of(self.opml, self.account.address)
        keystore = Account.encrypt(self.account.key, PASSWORD, kdf="pbkdf2", iterations=2)
        (self.home / "watcher.json").write_text(json.dumps(keystore))
        at = settings.chain.addresses
        given = {
            "CHAIN__RPC_URLS": self.url or ",".join(settings.chain.rpc_urls),
            "CHAIN__CHAIN_ID": str(settings.chain.chain_id),
            "CHAIN__START_BLOCK": str(settings.chain.start_block),
            "CHAIN__POLL_SECONDS": "0.1",
            "CHAIN__ADDRESSES__MARKETPLACE": at.marketplace,
            "CHAIN__ADDRESSES__MODELS": at.models,
            "CHAIN__ADDRESSES__SUBNETS": at.subnets,
            "ACCOUNT__FOLDER": str(self.home),
            "ACCOUNT__KEYSTORE": "watcher",
            "STORAGE__FOLDER": str(settings.storage.folder),
            "STORAGE__ALLOW_PRIVATE": "true",
            "WATCH__DATABASE": settings.watch.database,
            "WATCH__LISTEN_PORT": "0",
            "WATCH__WINDOW_MARGIN_SECONDS": "5",
            "WATCH__SWEEP_SECONDS": "1",
            "PASSWORD": PASSWORD,
        }
        base = {name: value for name, value in os.environ.items() if "FUSION_" not in name}
        return base | {f"FUSION_{name}": str(value) for name, value in given.items()}

    @contextmanager
    def watcher(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """`fusion watch --json`; killed in the end if it still runs."""
        env = self.env()
        command = [sys.executable, "-m", "offchain_workers.cli", "watch", "--json", *options]
        with self.output.open("ab") as out:
            child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out)
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    def told(self, what: str) -> list[dict[str, Any]]:
        """So far, by all its processes."""
        lines = self.output.read_text().splitlines() if self.output.exists() else []
        found = (json.loads(line) for line in lines if line.endswith("}"))
        return [one for one in found if one["what"] == what]

    def sent(self, call: str) -> list[dict[str, Any]]:
        return [one for one in self.told("sent") if one["call"] == call]


def stages(shop: Shop, liar: Liar) -> list[tuple[str, Callable[[], object]]]:
    """Points at which to kill: after each thing that a watcher does in a game."""
    return [
        ("wrong", lambda: shop.told("wrong")),
        ("opened", liar.players),
        ("asked", lambda: liar.respond()),
        ("picked", lambda: shop.sent("pick")),
        ("answered", lambda: liar.respond()),
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_game_survives_kill_9_at_every_stage(opml: OpmlMarket) -> None:
    shop, liar = Shop(opml, challengers(opml)[0]), claim(opml, wrong())
    for _, reached in stages(shop, liar):
        with shop.watcher() as child:
            until(reached, 60)
            child.send_signal(signal.SIGKILL)
    with shop.watcher() as child:
        until(lambda: not liar.stands(), 60)
        until(lambda: shop.told("won"), 60)
        opml.market.chain.increase_time(3_601)
        until(lambda: shop.told("rewarded"), 60)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0
    done = [one for one in shop.told("sent") if one["state"] == "mined_ok"]
    assert {one["call"] for one in done} >= {"prove", "collect"}


@pytest.mark.slow
def test_once_does_what_is_due_and_exits(opml: OpmlMarket) -> None:
    shop = Shop(opml, challengers(opml)[0])
    liar, right = claim(opml, wrong()), claim(opml)
    with shop.watcher("--once") as child:
        assert child.wait(60) == 0
    assert liar.players() == [shop.account.address]
    assert right.players() == []
    for _ in range(3):
        until(lambda: liar.respond() or not liar.stands(), 5)
        with shop.watcher("--once") as child:
            assert child.wait(60) == 0
    assert not liar.stands()


def test_once_ends_with_the_error_of_a_chain_that_stays_away(opml: OpmlMarket) -> None:
    shop = Shop(opml, challengers(opml)[0], f"http://127.0.0.1:{free_port(None)}")
    with shop.watcher("--once", "--dry-run") as child:
        assert child.wait(120) == 1


def test_a_dry_run_needs_no_password(opml: OpmlMarket) -> None:
    shop, liar = Shop(opml, challengers(opml)[0]), claim(opml, wrong())
    with shop.watcher("--once", "--dry-run", "--share", "1") as child:
        assert child.wait(60) == 0
    assert [one["code"] for one in shop.told("left")] == ["MN-OPML-093"]
    assert liar.players() == []
