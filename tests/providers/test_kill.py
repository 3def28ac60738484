# SPDX-License-Identifier: Apache-2.0
"""`fusion provider lease`, killed with -9 at every request that it makes, before and after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offchain_workers.providers.tables import State
from tests.providers.console import KEY, Console, Fault, kill
from tests.providers.world import Desk

ROOT = Path(__file__).parents[2]
# create, bids, lease, then looks until it is up.
REQUESTS = 5


class Command:
    """`fusion provider ...` as a process."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._env = {
            **{name: value for name, value in os.environ.items() if "FUSION_" not in name},
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "FUSION_AKASH_KEY": KEY,
            "FUSION_PROVIDER__AKASH_URL": console.url,
            "FUSION_PROVIDER__DATABASE": f"sqlite:///{folder}/ledger/leases.db",
        }
        self._folder = folder
        self.child: subprocess.Popen[str] | None = None

    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def run(self, *args: str) -> tuple[int, str]:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "offchain_workers.cli", "--json", "provider", *args],
            env=self._env,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        out, _ = self.child.communicate(timeout=60)
        return self.child.returncode, out

    def lease(self) -> tuple[int, str]:
        return self.run(
            *("lease", "--image", "oip:1", "--gpu", "rtx4090"),
            *("--max-price", "0.5", "--up-seconds", "9"),
        )


@pytest.fixture
def command(console: Console, tmp_path: Path) -> Command:
    return Command(console, tmp_path)


def moments() -> list[object]:
    """Every request, before and after it was carried out; the dearest moments in `make test`."""
    every = [(number, after) for number in range(REQUESTS) for after in (False, True)]
    quick = {(0, True), (2, True)}
    return [pytest.param(*one, marks=[] if one in quick else [pytest.mark.slow]) for one in every]


@pytest.mark.parametrize(("number", "after"), moments())
def test_nothing_is_lost_or_left_running(
    console: Console, command: Command, tmp_path: Path, number: int, after: bool
) -> None:
    console.up_after = 2
    console.faults = [Fault(number, kill(command.pid), after)]
    code, _ = command.lease()
    assert code == -9
    console.faults = []
    desk = Desk(console, tmp_path / "ledger")
    assert desk.leases.settle() == []
    # What runs is known and up; all else was closed, or was never there.
    known = [row.name for row in desk.ledger.all() if row.state == State.UP]
    assert console.charging() == known
    assert console.open() == known
    for name in known:
        desk.leases.release(name)
    assert console.open() == []
    desk.close()


def test_a_lease_from_beginning_to_end(console: Console, command: Command) -> None:
    code, out = command.lease()
    assert code == 0, out
    lease = json.loads(out)
    assert lease["state"] == "up"
    assert lease["url"] == console.url
    assert lease["price"] == 60_000
    assert time.time() < lease["ends_at"] <= time.time() + 3_600
    code, out = command.run("release", lease["name"])
    assert json.loads(out) == {"released": [lease["name"]]}
    assert console.open() == []
