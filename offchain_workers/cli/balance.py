# SPDX-License-Identifier: Apache-2.0
"""`fusion balance|deposit|withdraw`: coins in the wallet, in the market and in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli import arguments
from offchain_workers.cli.arguments import Signer, Token
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei

if TYPE_CHECKING:
    from offchain_workers.cli.network import Connection

Amount = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="Such as '0.5 ether'; a token's base units.")
]
_LABELS = {
    "address": "Address",
    "token": "Token",
    "wallet": "Wallet",
    "market": "Market",
    "credit": "Credit",
    "stake": "Stake",
    "reserved": "Reserved",
    "unbonding": "Unbonding",
}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "balance")(balance)
    command(app, "deposit")(deposit)
    command(app, "withdraw")(withdraw)


def balance(
    run: Run,
    who: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="Default: your account.")
    ] = None,
    token: Token = None,
    account: Signer = None,
) -> None:
    """Show what an address holds: wallet, market, tips and rewards, stake."""
    from offchain_workers.cli.network import connect, own_address

    address = arguments.address(who) if who else None
    coin = arguments.token_address(token)
    connection = connect(run, account)
    address = address or own_address(connection.settings)
    data = {"address": address, "token": coin if token else None}
    if token:
        data |= _tokens(connection, address, coin)
    else:
        data |= _coins(connection, address)
    shown = {key: label for key, label in _LABELS.items() if data.get(key) is not None}
    emit(run, data, lambda: fields(data, shown))


def deposit(run: Run, amount: Amount, token: Token = None, account: Signer = None) -> None:
    """Put coins into the market, to post jobs from there."""
    from offchain_workers.chain.contracts.erc20 import Erc20
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    value = arguments.positive(arguments.amount(amount, token), "a deposit")
    coin = arguments.token_address(token)
    connection = connect(run, account)
    market = connection.network.marketplace
    sender = Sender(connection)
    if token:
        erc20 = Erc20(connection.w3, coin)
        held = erc20.balance(sender.address)
        if held < value:
            raise FusionError("MN-CLI-012", f"{sender.address} holds {held} of token {coin}")
        if erc20.allowance(sender.address, market.address) < value:
            sender.send("allow the market to take the tokens", erc20.approve(market.address, value))
    sender.send("deposit", market.deposit(value, coin))
    now = arguments.coin(market.balance(sender.address, coin), token)
    data = sender.result(amount=arguments.coin(value, token), token=coin, market=now)
    emit(run, data, lambda: fields(data, {"market": "In the market now"}))


def withdraw(
    run: Run,
    amount: Annotated[
        str | None, typer.Argument(metavar="AMOUNT", help="Default: all of it.")
    ] = None,
    token: Token = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Default: your account.")
    ] = None,
    account: Signer = None,
) -> None:
    """Take coins out of the market."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    value = arguments.amount(amount, token) if amount else None
    coin = arguments.token_address(token)
    target = arguments.address(to) if to else None
    connection = connect(run, account)
    market = connection.network.marketplace
    sender = Sender(connection)
    held = market.balance(sender.address, coin)
    taken = held if value is None else value
    if not 0 < taken <= held:
        raise FusionError("MN-CLI-012", f"the market holds {held} base units for {sender.address}")
    target = target or sender.address
    sender.send("withdraw", market.withdraw(taken, target, coin))
    data = sender.result(amount=arguments.coin(taken, token), token=coin, to=target)
    emit(run, data, lambda: fields(data, {"amount": "Withdrawn", "to": "To"}))


def _coins(connection: Connection, address: str) -> dict[str, Any]:
    network = connection.network
    operator = network.subnets.operator(address)
    found = {
        "wallet": Wei(connection.w3.eth.get_balance(connection.w3.to_checksum_address(address))),
        "market": Wei(network.marketplace.balance(address)),
        "credit": Wei(network.subnets.credit(address)),
    }
    if operator:
        found["stake"] = Wei(operator.stake)
        found["reserved"] = Wei(operator.reserved)
        found["unbonding"] = Wei(operator.unbonding)
    return found


def _tokens(connection: Connection, address: str, token: str) -> dict[str, Any]:
    from offchain_workers.chain.contracts.erc20 import Erc20

    return {
        "wallet": Erc20(connection.w3, token).balance(address),
        "market": connection.network.marketplace.balance(address, token),
    }
