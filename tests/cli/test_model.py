# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from offchain_workers.models.demo import digits
from tests.cli.market import Market, model_files


def test_a_model_is_checked_stored_and_listed(market: Market, home: Path) -> None:
    onnx, card = model_files(home)
    name, pixels, label = digits().samples[0]
    (home / name).write_bytes(pixels)
    data = market.run(
        "publisher", "model", "publish", onnx, "--card", card, "--sample", str(home / name),
        "--royalty", "2.5%", "--uri", "http://127.0.0.1:9/files",
    )  # fmt: skip
    assert data["checked"] is True
    assert data["samples"][0]["label"] == label
    assert data["config"] == f"model:{data['id']}"
    assert (data["royalty_bps"], data["transactions"][0]["what"]) == (250, "publish")

    [row] = market.read("model", "list")["models"]
    assert (row["id"], row["name"], row["task"]) == (data["id"], "digits", "digits")
    assert row["publisher"] == market.site.address("publisher")
    assert (row["royalty"], row["attested"], row["held"]) == ("2.5%", 0, 0)
    assert row["uri"] == "http://127.0.0.1:9/files"


def test_a_model_is_found_by_name_and_by_the_start_of_its_id(
    market: Market, published: str
) -> None:
    for reference in ("digits", published, f"model:{published}", published[:12]):
        assert market.read("model", "show", reference)["id"] == published
    assert market.refused(None, "model", "show", "digit")[0] == "MN-CODEC-010"
    assert market.refused(None, "model", "show", "0x1234")[0] == "MN-CODEC-010"


def test_show_has_card_and_live_offers(market: Market, offered: str) -> None:
    data = market.read("model", "show", "digits")
    assert data["codec"] == "digits@1"
    assert len(data["holders"]) == 2
    assert {row["tier"] for row in data["offers"]} == {"web2_cloud", "virtual_node"}
    assert {row["price"] for row in data["offers"]} == {str(10**15)}
    out = market.shown("model", "show", "digits")
    assert "0.001 ether" in out
    assert market.site.address("backup") in out


def test_a_card_that_nobody_serves_hides_no_model(
    market: Market, published: str, home: Path
) -> None:
    shutil.rmtree(home / ".fusion" / "blobs")
    [row] = market.read("model", "list")["models"]
    assert (row["id"], row["name"]) == (published, None)
    assert row["card_error"].startswith("MN-STORE-002")
    assert market.read("model", "show", published)["card_error"].startswith("MN-STORE-002")


def test_the_same_model_is_published_once(market: Market, published: str, home: Path) -> None:
    onnx, card = model_files(home)
    args = ("model", "publish", onnx, "--card", card, "--royalty", "5%")
    code, message = market.refused("publisher", *args)
    assert code == "MN-CLI-014"
    assert published in message
    assert market.run("keeper", *args)["id"] != published


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--royalty", "5"], "MN-CLI-005"),
        (["--royalty", "101%"], "MN-CLI-005"),
        (["--royalty", "60%"], "MN-CHAIN-030"),
        (["--uri", "ftp://x"], "MN-STORE-008"),
        (["--uri", "http://x/" + "a" * 300], "MN-CLI-006"),
        (["--sample", "absent.png"], "MN-CODEC-004"),
    ],
)
def test_a_bad_option_publishes_nothing(
    market: Market, home: Path, options: list[str], code: str
) -> None:
    onnx, card = model_files(home)
    assert (
        market.refused("publisher", "model", "publish", onnx, "--card", card, *options)[0] == code
    )


def test_bad_files_are_found_before_anything_is_sent(market: Market, home: Path) -> None:
    onnx, card = model_files(home)

    def publish(onnx: str, card: str) -> str:
        return market.refused("publisher", "model", "publish", onnx, "--card", card)[0]

    (home / "corrupt.onnx").write_bytes(Path(onnx).read_bytes()[:-100])
    assert publish("corrupt.onnx", card) == "MN-ENGINE-004"
    assert publish("absent.onnx", card) == "MN-CLI-021"
    assert publish(onnx, "absent.json") == "MN-CLI-021"
    (home / "bad.json").write_text("{}")
    assert publish(onnx, "bad.json") == "MN-CODEC-001"
    document = json.loads(Path(card).read_text())
    document["outputs"][0]["shape"] = [11]
    document["labels"] = [*document["labels"], "10"]
    (home / "other.json").write_text(json.dumps(document))
    assert publish(onnx, "other.json") == "MN-ENGINE-006"
    assert not (home / ".fusion" / "blobs" / "quarantine").exists()


def test_a_file_over_the_limit_is_not_even_read(
    market: Market, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx, card = model_files(home)
    monkeypatch.setenv("FUSION_ENGINE__MAX_ONNX_BYTES", "1000")
    assert (
        market.refused("publisher", "model", "publish", onnx, "--card", card)[0] == "MN-ENGINE-003"
    )


def test_a_staker_attests_and_takes_it_back(market: Market, offered: str) -> None:
    assert market.run("operator", "model", "attest", "digits")["name"] == "digits"
    assert market.read("model", "list")["models"][0]["attested"] == 1
    assert market.read("model", "show", offered)["attesters"] == [market.site.address("operator")]
    assert market.refused("operator", "model", "attest", offered)[0] == "MN-CLI-018"
    market.run("operator", "model", "retract", offered)
    assert market.read("model", "list")["models"][0]["attested"] == 0
    assert market.refused("operator", "model", "retract", offered)[0] == "MN-CLI-018"


def test_only_stake_attests_and_only_what_can_be_fetched(
    market: Market, offered: str, home: Path
) -> None:
    assert market.refused("keeper", "model", "attest", offered)[0] == "MN-CLI-017"
    shutil.rmtree(home / ".fusion" / "blobs")
    assert market.refused("operator", "model", "attest", offered)[0] == "MN-STORE-002"


def test_an_empty_registry_says_what_to_do(market: Market) -> None:
    assert "fusion model publish" in market.shown("model", "list")
