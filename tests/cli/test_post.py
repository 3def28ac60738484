# SPDX-License-Identifier: Apache-2.0
"""`fusion post --wait` and `fusion job` under a method whose answers can be challenged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from offchain_workers.cli.output import moment
from offchain_workers.devnet import start_devnet
from tests.challenger.world import LAST, claim, compiled_market, settings_of, wrong
from tests.cli.market import PASSWORD
from tests.cli.test_doctor import ROOT
from tests.operator.world import until
from tests.opml.compiled import GIVEN, LABEL
from tests.opml.onchain import OpmlMarket

PATIENCE = 120


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpmlMarket]:
    with (
        start_devnet("embedded") as chain,
        compiled_market(chain, tmp_path_factory.mktemp("compiled")) as opml,
    ):
        yield opml


@pytest.fixture
def opml(compiled: OpmlMarket, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpmlMarket]:
    """An environment in which `fusion` is the requester's, with the model's files."""
    settings, market = settings_of(compiled, "requester"), compiled.market
    keystore = Account.encrypt(market.requester.key, PASSWORD, kdf="pbkdf2", iterations=2)
    (home / "keys").mkdir()
    (home / "keys" / "requester.json").write_text(json.dumps(keystore))
    at = market.network
    for name, value in {
        "CHAIN__RPC_URLS": market.chain.url,
        "CHAIN__START_BLOCK": at.start_block,
        "CHAIN__ADDRESSES__MARKETPLACE": at.marketplace.address,
        "CHAIN__ADDRESSES__MODELS": at.models.address,
        "CHAIN__ADDRESSES__SUBNETS": at.subnets.address,
        "STORAGE__FOLDER": settings.storage.folder,
        "ACCOUNT__FOLDER": home / "keys",
        "ACCOUNT__KEYSTORE": "requester",
        "PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(f"FUSION_{name}", str(value))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    snapshot = market.chain.rpc("evm_snapshot")
    yield compiled
    assert market.chain.rpc("evm_revert", snapshot)


def fusion(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "offchain_workers.cli", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def job_id_of(opml: OpmlMarket) -> bytes:
    """Of the only job."""
    market = opml.market.network.marketplace
    contract = opml.market.w3.eth.contract(address=market.address, abi=market.abi)  # type: ignore[call-overload]
    posted = contract.events.JobPosted().get_logs(from_block=0)
    return bytes(posted[-1]["args"]["job_id"]) if posted else b""


def job(opml: OpmlMarket, folder: Path) -> tuple[str, ...]:
    """The command that posts one."""
    given = folder / "zero.json"
    given.write_text(json.dumps(list(GIVEN)))
    model, subnet = opml.market.model_id.hex(), opml.market.subnet.subnet_id.hex()
    what = ("--model", f"0x{model}", "--subnet", f"0x{subnet}", "--input", str(given))
    return ("post", *what, "--method", "opml")


def waited(opml: OpmlMarket, folder: Path, *args: str) -> tuple[str, int]:
    """What `fusion post --wait` prints of a job that is claimed and then paid; ``final_at``."""
    post = (*job(opml, folder), "--best-effort", "--wait")
    with opml.market.worker(opml.market.operators[0]), fusion(*post, *args) as child:
        assert child.stdout is not None
        until(lambda: job_id_of(opml), PATIENCE)
        until(lambda: opml.board.look(job_id_of(opml)), PATIENCE)
        look = opml.board.look(job_id_of(opml))
        assert look is not None
        printed = ""
        while not args and "pending" not in printed:
            printed += child.stdout.readline()
        assert "pending" in shown(job_id_of(opml))["status"]
        opml.market.chain.increase_time(look.claim.final_at + 1 - opml.market.now())
        printed += child.stdout.read()
        assert child.wait(PATIENCE) == 0
    return printed, look.claim.final_at


def shown(job_id: bytes) -> dict[str, Any]:
    with fusion("job", "show", f"0x{job_id.hex()}", "--json") as child:
        assert child.stdout is not None
        document: dict[str, Any] = json.loads(child.stdout.read())
    return document


def test_a_pending_answer_is_said_at_once_and_the_final_one_later(
    opml: OpmlMarket, tmp_path: Path
) -> None:
    printed, final_at = waited(opml, tmp_path)
    until_then = f"pending, can be challenged until {moment(final_at)}"
    [first] = [line for line in printed.splitlines() if "pending" in line]
    assert first.startswith(f"answer {LABEL}")
    assert first.endswith(until_then)
    rows = dict(line.split("  ", 1) for line in printed.splitlines() if "  " in line)
    assert rows["Status"].strip() == "paid"
    assert rows["Can be challenged until"].strip() == moment(final_at)
    assert rows["Answer 1"].strip().startswith(str(LABEL))


def test_one_document_has_both_times(opml: OpmlMarket, tmp_path: Path) -> None:
    printed, final_at = waited(opml, tmp_path, "--json")
    document = json.loads(printed)
    assert (document["status"], document["final_at"]) == ("paid", final_at)
    assert document["answered_at"] < final_at < document["closed_at"]
    assert document["answers"][0]["label"] == LABEL


def test_a_job_that_nobody_promised_is_said_to_be_one(opml: OpmlMarket, tmp_path: Path) -> None:
    with fusion(*job(opml, tmp_path)) as child:
        assert child.stdout is not None
        printed = child.stdout.read()
    assert "no member promised the job" in printed
    assert job_id_of(opml)


def test_a_pending_answer_is_shown_as_such(opml: OpmlMarket) -> None:
    liar = claim(opml, wrong(LAST))
    document = shown(liar.job_id)
    look = opml.board.look(liar.job_id)
    assert look is not None
    assert (document["status"], document["final_at"]) == ("pending", look.claim.final_at)
    assert document["closed_at"] is None
    assert document["answered_at"] <= int(time.time()) + 1
    assert len(document["answers"]) == 1
    with fusion("job", "show", f"0x{liar.job_id.hex()}") as child:
        assert child.stdout is not None
        assert (
            f"pending, can be challenged until {moment(look.claim.final_at)}" in child.stdout.read()
        )


def test_an_open_job_has_no_times(opml: OpmlMarket) -> None:
    job_id = opml.post(opml.terms(GIVEN), GIVEN)
    document = shown(job_id)
    assert [document[f"{what}_at"] for what in ("answered", "final", "closed")] == [None] * 3
