# SPDX-License-Identifier: Apache-2.0
"""Coins in and out: deposits, withdrawals, fees, credit, burning."""

from __future__ import annotations

from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.play import Play
from tests.contracts.terms import NATIVE

BURN_ADDRESS = "0x000000000000000000000000000000000000dEaD"


def deposit(play: Play, account: str, token: str, amount: int, value: int | None = None) -> None:
    """`value` is what is sent along, by default what is right."""
    right = amount if token == NATIVE else 0
    sent = right if value is None else value
    play.do(
        "deposit",
        Call(account, play.stage.market, "deposit", (token, amount), sent),
        "value" if sent != right else "token" if token != NATIVE and play.token_refuses else None,
        lambda _: play.books.purse.move(
            ("wallet", token, account), ("balance", token, account), amount
        ),
        shaky=token != NATIVE and account == play.stage.agent.address,
    )


def withdraw(play: Play, account: str, token: str, amount: int, to: str) -> None:
    owned = play.books.purse.pots[("balance", token, account)]
    refused = token != NATIVE and play.token_refuses
    play.do(
        "withdraw",
        Call(account, play.stage.market, "withdraw", (token, amount, to)),
        "balance too low" if amount > owned else "token" if refused else None,
        lambda _: play.books.purse.move(("balance", token, account), ("wallet", token, to), amount),
        shaky=to == play.stage.agent.address,
    )


def withdraw_credit(play: Play, account: str, to: str) -> None:
    """Tips and rewards, all at once."""
    purse = play.books.purse
    amount = purse.native("credit", account)
    play.do(
        "withdraw credit",
        Call(account, play.stage.registry, "withdraw_credit", (to,)),
        None if amount else "no credit",
        lambda _: purse.move(("credit", NATIVE, account), ("wallet", NATIVE, to), amount),
        shaky=to == play.stage.agent.address,
    )


def burn(play: Play, account: str) -> None:
    purse = play.books.purse
    amount = purse.native("burn", "")
    play.do(
        "burn",
        Call(account, play.stage.registry, "burn", ()),
        None,
        lambda _: purse.move(("burn", NATIVE, ""), ("wallet", NATIVE, BURN_ADDRESS), amount),
    )
