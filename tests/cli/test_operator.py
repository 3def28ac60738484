# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from tests.cli.market import PARAMS, Market

ETHER = 10**18
REGISTER = ("operator", "register", "--stake", "1 ether", "--endpoint", "http://127.0.0.1:8700/")


def offer(model: str, price: str = "0.001 ether", *more: str) -> tuple[str, ...]:
    return ("operator", "offer", model, "--price", price, "--tier", "web3_share", *more)


def test_register_stakes_and_announces_the_endpoint(market: Market) -> None:
    data = market.run("operator", *REGISTER)
    assert (data["index"], data["stake"]) == (1, str(ETHER))
    status = market.run("operator", "operator", "status")
    assert status["endpoint"] == "http://127.0.0.1:8700"
    assert (status["stake"], status["free"], status["offers"]) == (str(ETHER), str(ETHER), [])
    code, _ = market.refused("operator", *REGISTER)
    assert code == "MN-CLI-016"


def test_an_offer_opts_in_first_and_says_when_it_holds(market: Market, published: str) -> None:
    market.run("operator", *REGISTER)
    first = market.run("operator", *offer(published, "0.001 ether", "--region", "7"))
    assert [sent["what"] for sent in first["transactions"]] == ["opt in", "offer"]
    epoch = market.blocks() // PARAMS.epoch_blocks + 1
    assert (first["from_epoch"], first["from_block"]) == (epoch, epoch * PARAMS.epoch_blocks)
    changed = market.run("operator", *offer("digits", "0.002 ether"))
    assert [sent["what"] for sent in changed["transactions"]] == ["offer"]
    [row] = market.run("operator", "operator", "status")["offers"]
    assert (row["price"], row["tier"], row["seat"], row["region"]) == (
        str(2 * 10**15), "web3_share", 0, None
    )  # fmt: skip
    out = market.shown("operator", "status", market.site.address("operator"))
    assert "0.002 ether" in out


def test_an_offer_changes_in_every_block_of_an_epoch(market: Market, published: str) -> None:
    """In the last one it is estimated under one epoch and mined in the next."""
    market.run("operator", *REGISTER)
    for i in range(PARAMS.epoch_blocks + 2):
        market.run("operator", *offer(published, f"0.00{i + 1} ether"))


def test_an_offer_ends(market: Market, offered: str) -> None:
    market.run("operator", "operator", "end-offer", "digits")
    assert market.read("model", "list")["models"][0]["held"] == 1
    assert market.refused("operator", "operator", "end-offer", "digits")[0] == "MN-CLI-018"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (offer("digits", "0.001"), "MN-CLI-001"),
        (offer("digits", "-1 wei"), "MN-CLI-001"),
        (offer("digits", f"{2**96} wei"), "MN-CLI-006"),
        (offer("digits", "1 wei", "--region", "256"), "MN-CLI-006"),
        (offer("digits", "1", "--token", "0x1234"), "MN-CLI-003"),
        (offer("digits", "1 wei", "--token", "0x" + "11" * 20), "MN-CLI-001"),
        (offer("digits", "1 wei", "--method", "magic"), "MN-CLI-007"),
        (offer("digits", "1 wei", "--method", "opml"), "MN-CLI-034"),
        (offer("nothing"), "MN-CODEC-010"),
        (offer("0x" + "ab" * 32), "MN-CODEC-010"),
        (("operator", "stake", "1"), "MN-CLI-001"),
        (("operator", "stake", "0 ether"), "MN-CLI-006"),
        (("operator", "status", "0x52908400098527886E0F7030069857D2E4169Ee7"), "MN-CLI-003"),
        (("operator", "withdraw"), "MN-CLI-018"),
        (("operator", "withdraw", "--to", "me"), "MN-CLI-003"),
        (("operator", "exit", "--withdraw"), "MN-CLI-018"),
    ],
)
def test_a_typo_is_one_clear_line_and_sends_nothing(
    market: Market, published: str, args: tuple[str, ...], code: str
) -> None:
    market.run("operator", *REGISTER)
    assert market.refused("operator", *args)[0] == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--stake", "1", "--endpoint", "http://x"], "MN-CLI-001"),
        (["--stake", "0 ether", "--endpoint", "http://x"], "MN-CLI-006"),
        (["--stake", "1 ether", "--endpoint", "worker.example"], "MN-STORE-008"),
        (["--stake", "1 ether", "--endpoint", "http://x/" + "x" * 128], "MN-CLI-006"),
        (["--stake", "1000000 ether", "--endpoint", "http://x"], "MN-CLI-012"),
    ],
)
def test_a_bad_registration_sends_nothing(market: Market, options: list[str], code: str) -> None:
    assert market.refused("operator", "operator", "register", *options)[0] == code


def test_a_tier_that_does_not_exist_is_wrong_usage(market: Market, fusion: object) -> None:
    code, _, err = fusion("operator", "offer", "x", "--price", "1 wei", "--tier", "cloud")  # type: ignore[operator]
    assert code == 2
    assert "web2_cloud" in err


def test_strangers_have_no_offers_stake_or_status(market: Market, published: str) -> None:
    for args in (offer(published), ("operator", "stake", "1 ether"), ("operator", "status")):
        assert market.refused("keeper", *args)[0] == "MN-CLI-015"
    assert market.refused("keeper", "operator", "exit")[0] == "MN-CLI-015"


def test_an_offer_needs_stake_and_leaves_no_opt_in_behind(market: Market, published: str) -> None:
    market.run("operator", *REGISTER[:3], "0.05 ether", *REGISTER[4:])
    assert market.refused("operator", *offer(published))[0] == "MN-CLI-017"
    assert market.run("operator", "operator", "status")["methods"] == []
    assert market.run("operator", "operator", "stake", "0.05 ether")["stake"] == str(ETHER // 10)
    market.run("operator", *offer(published))


def test_exit_ends_everything_and_pays_out_after_the_delay(market: Market, offered: str) -> None:
    data = market.run("operator", "operator", "exit")
    assert [sent["what"] for sent in data["transactions"]] == ["end an offer", "unbond", "opt out"]
    assert (data["unbonding"], data["reserved"]) == (str(ETHER), "0")
    code, message = market.refused("operator", "operator", "exit", "--withdraw")
    assert code == "MN-CLI-019"
    assert "UTC" in message
    market.site.devnet.increase_time(PARAMS.unbond_seconds + 1)
    target = market.site.address("pauper")
    taken = market.run("operator", "operator", "exit", "--withdraw", "--to", target)
    assert taken["withdrawn"] == str(ETHER)
    assert market.read("balance", target)["wallet"] == str(ETHER)
    assert market.refused("operator", "operator", "exit")[0] == "MN-CLI-018"


def test_earnings_come_out_together(market: Market, offered: str) -> None:
    market.run("keeper", "subnet", "request", "--model", "digits", "--members", "2")
    market.run("keeper", "deposit", "0.5 ether")
    data = market.run("keeper", "operator", "withdraw")
    assert (data["credit"], data["market"]) == (str(PARAMS.formation_tip), str(ETHER // 2))
    assert market.refused("keeper", "operator", "withdraw")[0] == "MN-CLI-018"
