# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml` with a market: collateral, policies, keys, and models under them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.localnet.teeml import make_policy
from tests.cli.market import Market, model_files
from tests.teeml.service import serving
from verifiers.teeml.enclave.client import EnclaveProcess
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import Level, Platform, tcb_info

PLATFORM = "cli"
DAY = 86_400
# As `fusion teeml status` shows it.
REMOVED = "platform removed"


@pytest.fixture
def policy_file(market: Market, home: Path) -> Path:
    """A policy of the simulated enclave; the keeper is its guardian."""
    guardian = market.site.address("keeper")
    [measurement] = make_policy(guardian).measurements
    document = {"measurements": [{"value": "0x" + measurement.value.hex()}], "guardian": guardian}
    path = home / "policy.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def policy(market: Market, policy_file: Path) -> str:
    return str(market.run("publisher", "teeml", "policy", "create", str(policy_file))["policy"])


@pytest.fixture
def model(market: Market, home: Path, policy: str) -> str:
    """The digits model under the policy."""
    onnx, card = model_files(home)
    args = ("model", "publish", onnx, "--card", card, "--teeml-policy", policy)
    return str(market.run("publisher", *args)["id"])


@pytest.fixture
def enclave(
    market: Market, model: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EnclaveProcess]:
    """The operator's, on simulated hardware; the operator offers the model."""
    endpoint = "http://127.0.0.1:1"
    market.run("operator", "operator", "register", "--stake", "1 ether", "--endpoint", endpoint)
    how = ("--price", "0.001 ether", "--tier", "web2_cloud", "--method", "teeml")
    market.run("operator", "operator", "offer", model, *how)
    chain = str(market.site.devnet.chain_id)
    started = EnclaveProcess(("--provider", "simulated", "--platform", PLATFORM, "--chain", chain))
    monkeypatch.setenv("FUSION_TEEML__SOCKET", str(started.ensure()))
    monkeypatch.setenv("FUSION_TEEML__PROVIDER", "simulated")
    monkeypatch.setenv("FUSION_TEEML__PLATFORM", PLATFORM)
    yield started
    started.stop()


def now(market: Market) -> int:
    return int(market.site.devnet.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def status(market: Market, *args: str) -> dict[str, Any]:
    owner = ("--operator", market.site.address("operator"))
    return market.read("teeml", "status", *owner, *args)


# --- policies -------------------------------------------------------------------------------------


def test_a_policy_is_named_by_its_content_and_shown(market: Market, policy_file: Path) -> None:
    before = market.run("publisher", "teeml", "policy", "create", str(policy_file), "--dry-run")
    assert "transactions" not in before
    made = market.run("publisher", "teeml", "policy", "create", str(policy_file))
    assert made["policy"] == before["policy"]
    found = market.read("teeml", "policy", "show", made["policy"])
    assert found["statuses"] == ["UpToDate", "SWHardeningNeeded"]
    assert (found["removed"], found["quota"]) == ([], 1)
    assert {key: found[key] for key in before if key != "min_evaluation"} == {
        key: before[key] for key in before if key != "min_evaluation"
    }


def test_an_unknown_policy_is_told_of(market: Market, home: Path) -> None:
    unknown = "0x" + "07" * 32
    assert market.refused(None, "teeml", "policy", "show", unknown)[0] == "MN-TEE-041"
    onnx, card = model_files(home)
    args = ("model", "publish", onnx, "--card", card, "--teeml-policy", unknown)
    assert market.refused("publisher", *args)[0] == "MN-TEE-041"


def test_only_the_guardian_takes_a_measurement_out(market: Market, policy: str) -> None:
    args = ("teeml", "policy", "remove", policy, "--measurement", "0")
    assert market.refused("publisher", *args)[0] == "MN-CHAIN-030"
    market.run("keeper", *args)
    assert market.read("teeml", "policy", "show", policy)["removed"] == [0]


def test_a_place_that_the_policy_has_not_is_refused(market: Market, policy: str) -> None:
    """The contract would take it, and take nothing out."""
    args = ("teeml", "policy", "remove", policy, "--measurement", "1")
    assert market.refused("keeper", *args)[0] == "MN-CLI-004"


def test_what_the_guardian_took_is_shown(market: Market, policy: str) -> None:
    platform = "0x" + "0a" * 12
    market.run("keeper", "teeml", "policy", "remove", policy, "--platform", platform)
    assert market.read("teeml", "policy", "show", policy)["removed_platforms"] == [platform]


def test_an_enclave_is_quoted_for_its_measurement(
    market: Market, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_TEEML__PROVIDER", "simulated")
    out = home / "quote.bin"
    found = market.read("teeml", "quote", "--out", str(out))
    [measurement] = make_policy(market.site.address("keeper")).measurements
    assert found["measurement"] == "0x" + measurement.value.hex()
    assert Quote.parse(out.read_bytes()).measurement == measurement.value


TWICE = [{"value": "0x" + "01" * 32, "svn": svn} for svn in (0, 1)]


@pytest.mark.parametrize(
    "field",
    [{"statuses": ["Revoked"]}, {"quota": 9}, {"measurements": []}, {"measurements": TWICE}],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(
    market: Market, policy_file: Path, field: dict[str, Any]
) -> None:
    policy_file.write_text(json.dumps(json.loads(policy_file.read_text()) | field))
    args = ("teeml", "policy", "create", str(policy_file))
    assert market.refused("publisher", *args)[0] == "MN-TEE-004"


def test_a_model_under_a_policy_can_be_vouched_for(market: Market, model: str) -> None:
    endpoint = "http://127.0.0.1:1"
    market.run("backup", "operator", "register", "--stake", "1 ether", "--endpoint", endpoint)
    assert market.run("backup", "model", "attest", model)["id"] == model
    assert market.read("model", "show", model)["artifacts"].keys() == {"teeml"}


# --- collateral -----------------------------------------------------------------------------------


def test_collateral_is_brought_to_the_chain_once(market: Market, home: Path) -> None:
    platform = Platform(issued=now(market) - 60)
    (home / "collateral.json").write_text(json.dumps(platform.collateral()))
    args = ("teeml", "collateral", "sync", "--collateral", str(home / "collateral.json"))
    first = market.run("keeper", *args)["steps"]
    assert [step["sent"] for step in first] == [True] * len(first)
    again = market.run("keeper", *args)["steps"]
    assert not any(step["sent"] for step in again if step["what"] != "add_authority")
    assert all(step["reason"] for step in again if not step["sent"])


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_is_registered_with_the_collateral_it_rests_on(
    market: Market, enclave: EnclaveProcess, policy: str
) -> None:
    assert status(market)["keys"] == []
    made = market.run("operator", "teeml", "register", policy)
    assert [sent["what"] for sent in made["transactions"]][-1] == "register"
    [row] = status(market)["keys"]
    assert (row["key"], row["policy"], row["state"]) == (made["key"], policy, "live")
    assert (row["status"], row["next_status"], row["warning"]) == ("UpToDate", "UpToDate", "")
    assert row["expires"] == made["expires"]
    off = ("teeml", "invalidate", policy, row["key"])
    assert market.refused("backup", *off)[0] == "MN-CHAIN-030"  # no reason yet
    market.run("keeper", "teeml", "policy", "remove", policy, "--platform", row["platform"])
    assert [row["state"] for row in status(market)["keys"]] == [REMOVED]
    assert market.run("backup", *off)["reason"] == REMOVED


def test_a_registered_machine_registers_no_second_key_without_need(
    market: Market, enclave: EnclaveProcess, policy: str
) -> None:
    first = market.run("operator", "teeml", "register", policy)
    again = market.run("operator", "teeml", "register", policy)
    assert first["transactions"]
    assert (again["key"], again["transactions"]) == (first["key"], [])


def test_status_warns_of_a_platform_that_the_next_data_drop(
    market: Market, enclave: EnclaveProcess, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = market.run("operator", "teeml", "register", policy)
    issued = now(market) - 60
    platform = Platform(label=PLATFORM, issued=issued)
    recovery = (Level((9,) * 16, 11), Level(status="OutOfDate"))
    early = tcb_info(issued, platform.fmspc, levels=recovery, evaluation=19)
    answers = {"standard": platform.collateral(), "early": platform.collateral(tcb=early)}
    with serving(answers) as service:
        monkeypatch.setenv("FUSION_TEEML__PROVIDER", "auto")
        monkeypatch.setenv("FUSION_TEEML__PCS", service.url)
        monkeypatch.setenv("FUSION_TEEML__ROOT_CRL", service.url + "/root.crl")
        found = status(market)
    [row] = found["keys"]
    assert (row["state"], row["next_status"]) == ("live", "OutOfDate")
    assert found["warnings"] == [
        f"{made['key']}: the next TCB data drop this platform: the policy does not accept OutOfDate"
    ]
    monkeypatch.setenv("FUSION_TEEML__PCS", "http://127.0.0.1:9")
    [row] = status(market)["keys"]
    assert row["warning"].startswith("what comes is not known: MN-TEE-055")
    assert status(market, "--no-early")["warnings"] == []


def test_nobody_is_excused_from_a_job_that_there_isnt(market: Market) -> None:
    excuse = ("teeml", "excuse", "0x" + "07" * 32, market.site.address("backup"))
    assert market.refused("operator", *excuse)[0] == "MN-REQ-007"


def test_register_wants_an_enclave_that_stays(market: Market, policy: str) -> None:
    code, _, err = market._fusion("teeml", "register", policy, "--account", "operator")
    assert (code, "teeml.socket" in err) == (2, True)
