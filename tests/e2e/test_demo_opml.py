# SPDX-License-Identifier: Apache-2.0
"""`fusion demo --method opml`: every adversary loses, all roles processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.models.demo import digits_cnn
from tests.e2e.demo import run_demo
from verifiers.opml.adversaries.attacks import ADVERSARIES, ATTACKS, SYBILS
from verifiers.opml.adversaries.cast import LYING_WORKERS
from verifiers.opml.adversaries.publishers import PUBLISHERS

DEMO_SECONDS = 900
LABEL = digits_cnn().samples[0][2]


def won(*args: str) -> dict[str, Any]:
    """The document of a demo that the honest side won."""
    document = run_demo(*args, seconds=DEMO_SECONDS)
    assert all(document["checks"].values())
    return document


@pytest.mark.parametrize("chain", ["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def test_a_lying_worker_is_slashed_and_a_backup_serves(chain: str) -> None:
    document = won("--method", "opml", "--chain", chain)
    assert document["chain"]["kind"] == chain
    [game] = document["games"]
    assert game["state"] == "proved"
    assert (game["claimant_name"], game["challenger_name"]) == ("vnode", "watcher")
    assert [entry["name"] for entry in document["slashed"]] == ["vnode"]
    assert [entry["name"] for entry in document["rewarded"]] == ["watcher"]
    job = document["job"]
    assert (job["status"], job["output"]["label"]) == ("paid", LABEL)
    assert job["served"] in ("cloud", "share")
    assert all(gas > 21_000 for gas in job["gas"].values())
    moves = [turn["move"] for turn in game["turns"]]
    assert (moves[:3], moves[-1]) == (["claim", "open", "trace"], "prove")
    assert all(turn["gas"] > 21_000 for turn in game["turns"])
    last = game["turns"][-1]
    assert last["claimed"] != last["right"]
    assert all((turn["name"] is None) == (turn["op"] is None) for turn in game["turns"])
    assert last["name"]
    assert sum(game["gas"].values()) < 1_100_000


@pytest.mark.anvil
@pytest.mark.parametrize(
    "adversary",
    [pytest.param(name, marks=pytest.mark.slow) for name in ADVERSARIES],
)
def test_every_adversary_loses(adversary: str) -> None:
    document = won("--adversary", adversary, "--chain", "anvil")
    assert document["adversary"] == adversary
    if adversary in PUBLISHERS:
        assert document["job"]["status"] == "not posted"
        return
    assert document["job"]["output"]["label"] == LABEL
    if adversary in LYING_WORKERS:
        ended = "claimant out of time" if LYING_WORKERS[adversary].by_time else "proved"
        assert [game["state"] for game in document["games"]] == [ended]
    elif not ATTACKS[adversary].liar:
        count = SYBILS if adversary == "sybils" else 1
        assert len(document["lost"]) == len(document["games"]) == count


def test_the_adversaries_are_listed() -> None:
    command = [sys.executable, "-m", "offchain_workers.cli", "demo", "--adversary", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert listed.stdout.split() == list(ADVERSARIES)


def test_an_adversary_that_nobody_knows_is_refused_before_anything_starts() -> None:
    command = [sys.executable, "-m", "offchain_workers.cli", "demo", "--adversary", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "MN-OPML-078" in done.stderr


def test_nobody_lies_off_development_chains(tmp_path: Path) -> None:
    config = tmp_path / "fusion.toml"
    address = "0x" + "11" * 20
    config.write_text(
        "\n".join(
            [
                "[chain]",
                'rpc_urls = ["http://127.0.0.1:9"]',
                "chain_id = 1",
                "[chain.addresses]",
                *(f'{name} = "{address}"' for name in ("marketplace", "models", "subnets")),
            ]
        )
    )
    command = [sys.executable, "-m", "offchain_workers.cli", "--config", str(config)]
    done = subprocess.run(
        [*command, "adversary", "worker", "withhold"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "MN-OPML-077" in done.stderr
