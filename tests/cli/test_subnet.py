# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pytest

from offchain_workers.chain.contracts import Subnets
from tests.cli.market import PARAMS, Market

TWO = ("--model", "digits", "--members", "2")


def test_a_subnet_is_requested_formed_shown_and_drawn_again(market: Market, offered: str) -> None:
    data = market.run("requester", "subnet", "request", *TWO)
    assert [sent["what"] for sent in data["transactions"]] == [
        "request a subnet",
        "form the subnet",
    ]
    members = {member["operator"] for member in data["members"]}
    assert members == {market.site.address("operator"), market.site.address("backup")}
    assert (data["state"], data["k"], data["royalty"]) == ("live", 2, "5%")
    assert market.read("subnet", "show", data["id"])["members"] == data["members"]
    assert market.read("subnet", "show", *TWO)["id"] == data["id"]

    replayed = market.read("subnet", "replay", data["id"])
    assert replayed["matches"] is True
    assert replayed["members"] == [member["operator"] for member in data["members"]]
    assert [row["rank"] for row in replayed["candidates"]] == [1, 2]
    assert all(row["weight"] == str(10**18) for row in replayed["candidates"])
    assert "the chain drew the same members" in market.shown("subnet", "replay", data["id"])
    assert "0.001 ether" in market.shown("subnet", "show", data["id"])


def test_somebody_else_may_form_and_earns_the_tip(market: Market, offered: str) -> None:
    asked = market.run("requester", "subnet", "request", *TWO, "--only-request")
    assert (asked["state"], asked["members"]) == ("requested", [])
    again = market.run("backup", "subnet", "request", *TWO, "--only-request")
    assert (again["id"], again["transactions"]) == (asked["id"], [])
    formed = market.run("keeper", "subnet", "form", *TWO)
    assert (formed["id"], formed["state"]) == (asked["id"], "live")
    assert market.run("keeper", "balance")["credit"] == str(PARAMS.formation_tip)
    for command in ("request", "form"):
        assert market.refused("keeper", "subnet", command, *TWO)[0] == "MN-CLI-026"


def test_a_stale_request_is_repeated_for_free(market: Market, offered: str) -> None:
    asked = market.run("requester", "subnet", "request", *TWO, "--only-request")
    market.site.devnet.mine(2 * PARAMS.epoch_blocks)
    assert market.refused("keeper", "subnet", "form", *TWO)[0] == "MN-CLI-025"
    again = market.run("requester", "subnet", "request", *TWO)
    assert again["id"] != asked["id"]
    assert again["state"] == "live"


def test_too_few_offers_are_found_before_the_tip_is_paid(market: Market, offered: str) -> None:
    asks: tuple[tuple[str, ...], ...] = (
        ("--members", "3"),
        ("--members", "2", "--tier", "web2_cloud"),
        ("--members", "1", "--region", "9"),
        ("--members", "1", "--max-price", "1 gwei"),
    )
    for ask in asks:
        args = ("subnet", "request", "--model", "digits", *ask)
        assert market.refused("requester", *args)[0] == "MN-CLI-027"


def test_an_offer_of_this_epoch_is_announced_for_the_next(market: Market, published: str) -> None:
    register = ("operator", "register", "--stake", "1 ether", "--endpoint", "http://127.0.0.1:1")
    market.next_epoch()
    market.run("operator", *register)
    market.run(
        "operator", "operator", "offer", "digits", "--price", "1 gwei", "--tier", "web3_share"
    )
    args = ("subnet", "request", "--model", "digits", "--members", "1")
    _, message = market.refused("requester", *args)
    assert "; 1 from block" in message
    opens = int(message.rpartition("from block ")[2].split()[0])
    market.site.devnet.mine(opens - 1 - market.blocks())
    assert market.run("requester", *args)["state"] == "live"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("show", "0x12"), "MN-CLI-004"),
        (("show", "0x" + "12" * 32), "MN-CLI-023"),
        (("show", "--model", "digits"), "MN-CLI-025"),
        (("form", "--model", "digits"), "MN-CLI-025"),
        (("replay", "12" * 33), "MN-CLI-004"),
        (("replay", "0x" + "12" * 32), "MN-ROUTE-001"),
        (("request", "--model", "absent"), "MN-CODEC-010"),
        (("request", "--model", "digits", "--max-price", "0 wei"), "MN-CLI-006"),
        (("request", "--model", "digits", "--max-price", "1"), "MN-CLI-001"),
        (("request", "--model", "digits", "--method", "nonne"), "MN-CLI-007"),
    ],
)
def test_a_typo_is_one_clear_line(
    market: Market, published: str, args: tuple[str, ...], code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FUSION_ACCOUNT__KEYSTORE", "requester")
    assert market.refused(None, "subnet", *args)[0] == code


def test_a_subnet_without_id_and_model_is_wrong_usage(market: Market, fusion: Any) -> None:
    assert fusion("subnet", "show")[0] == 2
    assert fusion("subnet", "show", "0x12", "--model", "digits")[0] == 2


def test_an_unformed_subnet_has_nothing_to_replay(market: Market, offered: str) -> None:
    asked = market.run("requester", "subnet", "request", *TWO, "--only-request")
    assert market.refused(None, "subnet", "replay", asked["id"])[0] == "MN-ROUTE-002"


def test_a_replay_that_differs_exits_with_1(
    market: Market, offered: str, fusion: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    subnet = market.run("requester", "subnet", "request", *TWO)["id"]
    # No contract can be made to lie here, so the reading of its storage is.
    real = Subnets.subnet

    def lying(self: Subnets, subnet_id: bytes) -> Any:
        info = real(self, subnet_id)
        assert info is not None
        info.members.reverse()
        return info

    monkeypatch.setattr(Subnets, "subnet", lying)
    code, out, _ = fusion("subnet", "replay", subnet, "--json")
    assert (code, json.loads(out)["matches"], json.loads(out)["stored"]) == (1, False, False)
    code, out, err = fusion("subnet", "replay", subnet)
    assert code == 1
    assert "THE CHAIN DIFFERS" in out
    assert err.startswith("error MN-CLI-028")
