# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from tests.cli.market import PASSWORD, ROLES, Market
from tests.cli.token import deploy_token

ETHER = 10**18


@pytest.fixture
def token(market: Market) -> str:
    """A token of which the requester has 1,000."""
    owner = market.site.devnet.accounts[ROLES.index("requester")]
    return deploy_token(market.site.devnet.url, owner, 1_000)


def test_coins_go_into_the_market_and_out_again(market: Market) -> None:
    sent = market.run("requester", "deposit", "0.5 ether")
    assert (sent["market"], len(sent["transactions"])) == (str(ETHER // 2), 1)
    assert market.run("requester", "balance")["market"] == str(ETHER // 2)
    target = market.site.address("pauper")
    market.run("requester", "withdraw", "0.2 ether", "--to", target)
    assert market.read("balance", target)["wallet"] == str(ETHER // 5)
    assert market.run("requester", "withdraw")["amount"] == str(ETHER * 3 // 10)
    assert market.run("requester", "balance")["market"] == "0"


def test_people_see_amounts_in_their_unit(market: Market) -> None:
    market.run("requester", "deposit", "0.5 ether")
    out = market.shown("balance", market.site.address("requester"))
    assert "0.5 ether" in out
    assert "Stake" not in out
    assert "deposit: tx 0x" in market.shown("deposit", "1 gwei", "--account", "requester")


def test_tokens_are_allowed_deposited_and_withdrawn(market: Market, token: str) -> None:
    sent = market.run("requester", "deposit", "400", "--token", token)
    assert [each["what"] for each in sent["transactions"]] == [
        "allow the market to take the tokens",
        "deposit",
    ]
    balance = market.run("requester", "balance", "--token", token)
    assert (balance["wallet"], balance["market"]) == (600, 400)
    assert market.refused("requester", "deposit", "601", "--token", token)[0] == "MN-CLI-012"
    market.run("requester", "withdraw", "--token", token)
    assert market.run("requester", "balance", "--token", token)["wallet"] == 1_000


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("deposit", "1"), "MN-CLI-001"),
        (("deposit", "1 bitcoin"), "MN-CLI-001"),
        (("deposit", "0 ether"), "MN-CLI-006"),
        (("deposit", "1000000 ether"), "MN-CLI-012"),
        (("deposit", "10000 ether"), "MN-CLI-012"),
        (("deposit", "1 ether", "--token", "0x" + "11" * 20), "MN-CLI-001"),
        (("deposit", "1", "--token", "0x" + "11" * 20), "MN-CHAIN-031"),
        (("withdraw",), "MN-CLI-012"),
        (("withdraw", "1 ether"), "MN-CLI-012"),
        (("withdraw", "1 ether", "--to", "0x12"), "MN-CLI-003"),
        (("balance", "0x52908400098527886E0F7030069857D2E4169Ee7"), "MN-CLI-003"),
    ],
)
def test_a_typo_is_one_clear_line(market: Market, args: tuple[str, ...], code: str) -> None:
    assert market.refused("requester", *args)[0] == code


def test_a_fee_that_can_not_be_paid_is_the_nodes_own_refusal(market: Market) -> None:
    held = 10_000 * ETHER
    code, message = market.refused("requester", "deposit", f"{held - 1} wei")
    assert code in ("MN-CHAIN-006", "MN-CHAIN-030")
    assert "nsufficient" in message


def test_a_wrong_password_and_an_unknown_account(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert market.refused("nobody", "deposit", "1 gwei")[0] == "MN-KEY-004"
    monkeypatch.setenv("FUSION_PASSWORD", PASSWORD + "!")
    assert market.refused("requester", "deposit", "1 gwei")[0] == "MN-KEY-006"
    monkeypatch.delenv("FUSION_PASSWORD")
    assert market.refused("requester", "deposit", "1 gwei")[0] == "MN-KEY-009"


def test_an_account_must_be_named(market: Market) -> None:
    assert market.refused(None, "deposit", "1 gwei")[0] == "MN-KEY-011"
    assert market.refused(None, "balance")[0] == "MN-KEY-011"


def test_a_dead_rpc_a_wrong_chain_and_an_empty_address(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = market.site.address("pauper")
    monkeypatch.setenv("FUSION_CHAIN__ADDRESSES__SUBNETS", who)
    assert market.refused(None, "balance", who)[0] == "MN-CHAIN-031"
    monkeypatch.setenv("FUSION_CHAIN__CHAIN_ID", "5")
    assert market.refused(None, "balance", who)[0] == "MN-CFG-009"
    monkeypatch.delenv("FUSION_CHAIN__DEPLOYMENT")
    assert market.refused(None, "balance", who)[0] == "MN-CFG-008"
    monkeypatch.delenv("FUSION_CHAIN__CHAIN_ID")
    monkeypatch.setenv("FUSION_CHAIN__DEPLOYMENT", str(market.site.deployment))
    monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", "http://127.0.0.1:1")
    assert market.refused(None, "balance", who)[0] == "MN-CHAIN-001"
