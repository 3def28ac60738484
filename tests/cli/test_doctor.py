# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.chain.db import Database
from offchain_workers.cli.checks.account import endpoint
from offchain_workers.cli.checks.chain import shipped
from offchain_workers.cli.checks.machine import store
from offchain_workers.config import load_settings
from offchain_workers.devnet import CHAIN_ID
from tests.cli.market import Market

ROOT = Path(__file__).parents[2]


class Doctor:
    """What `fusion doctor --json` says."""

    def __init__(self, fusion: Any) -> None:
        self.code, out, self.err = fusion("doctor", "--json")
        document = json.loads(out)
        self.ok: bool = document["ok"]
        self.rows: list[dict[str, Any]] = document["checks"]

    def levels(self, check: str) -> list[str]:
        return [row["level"] for row in self.rows if row["check"] == check]

    def codes(self, check: str) -> list[str]:
        return [row["code"] for row in self.rows if row["check"] == check and row["code"]]


@pytest.fixture
def well(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_ACCOUNT__KEYSTORE", "operator")
    market.site.devnet.mine()


@pytest.mark.usefixtures("well")
def test_a_sound_setup_is_found_sound(market: Market, fusion: Any) -> None:
    doctor = Doctor(fusion)
    assert (doctor.code, doctor.ok, doctor.err) == (0, True, "")
    assert doctor.codes("rpc") == ["MN-CLI-064"]
    checks = ("config", "contracts", "account", "coins", "operator", "store", "database", "engine")
    for check in (*checks, "anvil", "clock"):
        assert set(doctor.levels(check)) == {"ok"}, check
    assert len(doctor.levels("contracts")) == 4
    out = market.shown("doctor")
    assert "the password opens it" in out
    assert "add a second one" in out


@pytest.mark.usefixtures("well", "offered")
def test_an_operators_offers_and_endpoint_are_looked_at(fusion: Any) -> None:
    doctor = Doctor(fusion)
    assert doctor.levels("operator") == ["ok", "ok"]
    assert doctor.codes("worker") == ["MN-CLI-068"]
    assert doctor.ok


def test_an_endpoint_that_is_another_operators_worker_is_no_good_sign(tmp_path: Path) -> None:
    mine, other = "0x" + "Aa" * 20, "0x" + "bb" * 20
    (tmp_path / "health").write_text(json.dumps({"ready": True, "operator": mine}))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        [good], [foreign] = endpoint(url, mine.lower()), endpoint(url, other)
        server.shutdown()
    assert (good.level, foreign.level, foreign.code) == ("ok", "fail", "MN-CLI-068")
    assert foreign.message == f"{url} is the worker of {mine}, not of {other}"


@pytest.mark.usefixtures("well")
def test_an_operator_without_offers_is_told(market: Market, fusion: Any) -> None:
    market.run(
        "operator", "operator", "register", "--stake", "1 ether", "--endpoint", "http://127.0.0.1:1"
    )
    assert Doctor(fusion).codes("operator") == ["MN-CLI-069"]


@pytest.mark.usefixtures("well")
def test_an_endpoint_that_is_down_beside_a_good_one_is_a_warning(
    market: Market, fusion: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", f"{market.site.devnet.url},http://127.0.0.1:1")
    doctor = Doctor(fusion)
    assert (doctor.levels("rpc"), doctor.ok) == (["ok", "warn"], True)
    monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", "http://127.0.0.1:1")
    doctor = Doctor(fusion)
    assert (doctor.code, doctor.ok) == (1, False)
    assert doctor.levels("rpc") == ["fail", "warn"]
    assert doctor.levels("store") == ["ok"]


@pytest.mark.usefixtures("well")
def test_a_wrong_chain_fails(
    market: Market, fusion: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(market.site.deployment.read_text())
    assert document["chain_id"] == CHAIN_ID
    (home / "other.json").write_text(json.dumps(document | {"chain_id": 1}))
    monkeypatch.setenv("FUSION_CHAIN__DEPLOYMENT", str(home / "other.json"))
    doctor = Doctor(fusion)
    assert doctor.levels("rpc")[0] == "fail"
    assert not doctor.ok


@pytest.mark.usefixtures("well")
def test_contracts_that_are_absent_foreign_or_of_two_deployments(
    market: Market, fusion: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.run("keeper", "deploy", "--out", "second.json")
    second = json.loads(Path("second.json").read_text())["addresses"]
    first = json.loads(market.site.deployment.read_text())["addresses"]
    for models, codes in (
        (second["models"], ["MN-CLI-067"]),
        (first["subnets"], ["MN-CLI-066"]),
        (market.site.address("pauper"), ["MN-CHAIN-031"]),
    ):
        monkeypatch.setenv("FUSION_CHAIN__ADDRESSES__MODELS", models)
        doctor = Doctor(fusion)
        assert (doctor.codes("contracts"), doctor.ok) == (codes, False)


@pytest.mark.usefixtures("well")
def test_account_and_coins(market: Market, fusion: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_ACCOUNT__KEYSTORE", "pauper")
    assert Doctor(fusion).codes("coins") == ["MN-CLI-012"]
    monkeypatch.setenv("FUSION_PASSWORD", "guess")
    assert Doctor(fusion).codes("account") == ["MN-KEY-006"]
    monkeypatch.delenv("FUSION_PASSWORD")
    assert Doctor(fusion).levels("account") == ["ok"]
    monkeypatch.setenv("FUSION_ACCOUNT__KEYSTORE", "nobody")
    assert Doctor(fusion).codes("account") == ["MN-KEY-004"]
    monkeypatch.delenv("FUSION_ACCOUNT__KEYSTORE")
    doctor = Doctor(fusion)
    assert (doctor.levels("account"), doctor.ok) == (["warn"], True)


@pytest.mark.usefixtures("well")
def test_a_clock_that_is_off_is_seen(market: Market, fusion: Any) -> None:
    market.site.devnet.increase_time(3_600)
    doctor = Doctor(fusion)
    assert (doctor.codes("clock"), doctor.ok) == (["MN-CLI-065"], True)


@pytest.mark.usefixtures("well")
def test_store_and_database(fusion: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("in the way")
    monkeypatch.setenv("FUSION_STORAGE__FOLDER", str(home / "file" / "blobs"))
    assert Doctor(fusion).codes("store") == ["MN-STORE-010"]
    url = f"sqlite:///{home}/worker.db"
    monkeypatch.setenv("FUSION_WORKER__DATABASE", url)
    running = Database(url)
    doctor = Doctor(fusion)
    assert "a worker is running" in next(
        row["message"] for row in doctor.rows if row["check"] == "database"
    )
    running.close()
    assert Doctor(fusion).levels("database") == ["ok"]
    monkeypatch.setenv("FUSION_WORKER__DATABASE", "nonsense")
    assert Doctor(fusion).codes("database") == ["MN-CHAIN-024"]


def test_a_full_disk_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A disk can't be filled here without root; what the system says of it can be changed.
    class Usage:
        free = 50 << 20

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    [finding] = store(load_settings())
    assert (finding.code, finding.level) == ("MN-CLI-060", "fail")


def test_a_bad_configuration_ends_the_examination(fusion: Any, home: Path) -> None:
    (home / "fusion.toml").write_text("[chian]\n")
    doctor = Doctor(fusion)
    assert (doctor.code, doctor.codes("config")) == (1, ["MN-CFG-003"])
    assert len(doctor.rows) == 1


def test_without_contracts_the_rest_is_still_examined(
    market: Market, fusion: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FUSION_CHAIN__DEPLOYMENT")
    doctor = Doctor(fusion)
    assert doctor.codes("deployment") == ["MN-CFG-008"]
    assert doctor.levels("clock")


def test_only_our_own_code_counts_as_shipped(market: Market) -> None:
    network = market.site.network
    w3 = network.marketplace.w3
    code = bytes(w3.eth.get_code(w3.to_checksum_address(network.subnets.address)))
    assert shipped("SubnetRegistry", code)
    assert not shipped("ModelRegistry", code)
    changed = bytearray(code)
    changed[len(code) // 2] ^= 1
    assert not shipped("SubnetRegistry", bytes(changed))
    assert not shipped("SubnetRegistry", b"\x00" * 40)


def test_the_doctor_and_a_publisher_work_as_processes(market: Market, home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FUSION_ACCOUNT__KEYSTORE": "owner"}

    def fusion(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "offchain_workers.cli", *args]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    done = fusion("deposit", "1 gwei", "--json")
    assert done.returncode == 0, done.stderr
    done = fusion("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    done = fusion("operator", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error MN-CLI-015")


def test_the_gpu_is_looked_at_alone(fusion: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, each step says what is missing."""
    monkeypatch.setenv("PATH", "/nowhere")  # no nvidia-smi
    code, out, _ = fusion("doctor", "--gpu", "--json")
    rows = {row["check"]: row for row in json.loads(out)["checks"]}
    assert code == 1
    assert rows["gpu"]["code"] == "MN-CLI-181"
    assert rows["onnxruntime"]["code"] in ("MN-CLI-182", None)
    assert "config" not in rows
    assert all(row["hint"] for row in rows.values() if row["level"] != "ok")
