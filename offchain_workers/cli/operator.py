# SPDX-License-Identifier: Apache-2.0
"""`fusion operator`: stake, offers, and the way out."""

from __future__ import annotations

from typing import Annotated

import typer

from offchain_workers.cli import arguments
from offchain_workers.cli.arguments import Method, ModelRef, Region, Signer, TierName, Token
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei, parse_amount

group = typer.Typer(no_args_is_help=True, help="Run models for others: stake, offers, earnings.")

Target = Annotated[
    str | None, typer.Option("--to", metavar="ADDRESS", help="Default: your account.")
]
_NO_MANIFEST = bytes(32)
_MAX_ENDPOINT = 128
_OFFERED = {
    "model": "Model",
    "method": "Method",
    "tier": "Tier",
    "price": "Price per item",
    "from_block": "In force from block",
    "from_epoch": "Epoch",
}


@command(group, "register")
def register(
    run: Run,
    stake: Annotated[
        str, typer.Option("--stake", metavar="AMOUNT", help="What you put at stake: '1 ether'.")
    ],
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="Where your worker can be reached.")
    ],
    account: Signer = None,
) -> None:
    """Become an operator. The worker announces its manifest when it starts."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    wei = arguments.positive(parse_amount(stake), "the stake")
    url = _endpoint(endpoint)
    connection = connect(run, account)
    subnets = connection.network.subnets
    sender = Sender(connection)
    if subnets.operator(sender.address):
        raise FusionError(
            "MN-CLI-016",
            f"{sender.address} is an operator already; more stake: fusion operator stake",
        )
    sender.send("register", subnets.register(_NO_MANIFEST, url, wei))
    operator = subnets.operator(sender.address)
    index = operator.index if operator else None
    data = sender.result(operator=sender.address, index=index, stake=Wei(wei), endpoint=url)
    labels = {"operator": "Operator", "index": "Number", "stake": "Stake", "endpoint": "Endpoint"}
    emit(run, data, lambda: fields(data, labels))


@command(group, "offer")
def offer(
    run: Run,
    model: ModelRef,
    price: Annotated[
        str, typer.Option("--price", metavar="AMOUNT", help="Per item: '0.001 ether'.")
    ],
    tier: Annotated[TierName, typer.Option("--tier", help="Where your hardware comes from.")],
    region: Region = 0,
    method: Method = "none",
    token: Token = None,
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere", help="The worker runs on another machine: skip the self-test here."
        ),
    ] = False,
    account: Signer = None,
) -> None:
    """Offer a model at a price, or change an offer; holds from the next epoch."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.offering import Offering, try_machine
    from offchain_workers.cli.sending import Sender

    asked = arguments.price(price, token)
    coin = arguments.token_address(token)
    arguments.region(region)
    connection = connect(run, account)
    found = connection.model(model)
    connection.selector_for(found, method)
    offering = Offering(connection, found.model_id, method, coin)
    sender = Sender(connection)
    offering.check(sender.address)
    if not elsewhere:
        try_machine(connection, found, offering.selector)
    offering.opt_in(sender)
    sent = offering.send(sender, tier.tier, asked, region)
    data = sender.result(
        model=offering.model_id,
        method=method,
        tier=tier.value,
        region=region,
        price=arguments.coin(asked, token),
        token=coin if token else None,
        **offering.in_force_from(sent.block),
    )
    emit(run, data, lambda: fields(data, _OFFERED))


@command(group, "end-offer")
def end_offer(
    run: Run, model: ModelRef, method: Method = "none", token: Token = None, account: Signer = None
) -> None:
    """Withdraw an offer; subnets that were formed already keep you as a member."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.offering import Offering
    from offchain_workers.cli.sending import Sender

    coin = arguments.token_address(token)
    connection = connect(run, account)
    offering = Offering(connection, connection.model(model).model_id, method, coin)
    sender = Sender(connection)
    subnets = connection.network.subnets
    if not subnets.has_offer(sender.address, offering.book_id):
        raise FusionError("MN-CLI-018", f"{sender.address} has no such offer")
    sent = sender.send("end the offer", subnets.end_offer(offering.book_id))
    data = sender.result(model=offering.model_id, **offering.in_force_from(sent.block))
    emit(run, data, lambda: fields(data, {"from_block": "Gone from block", "model": "Model"}))


@command(group, "status")
def status(
    run: Run,
    who: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="Default: your account.")
    ] = None,
    account: Signer = None,
) -> None:
    """Show an operator: stake, reputation, offers, audits, earnings, what is on its way out."""
    from offchain_workers.cli.network import connect, own_address
    from offchain_workers.cli.operator_view import state, view

    address = arguments.address(who) if who else None
    connection = connect(run, account)
    data = state(connection, address or own_address(connection.settings))
    emit(run, data, lambda: view(data))


@command(group, "stake")
def stake(
    run: Run,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as '0.5 ether'.")],
    account: Signer = None,
) -> None:
    """Add to your stake. Seats get the new weight with the next `offer`."""
    from offchain_workers.cli.leaving import registered
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    wei = arguments.positive(parse_amount(amount), "the stake")
    connection = connect(run, account)
    sender = Sender(connection)
    registered(connection, sender.address)
    sender.send("add stake", connection.network.subnets.add_stake(sender.address, wei))
    now = registered(connection, sender.address).stake
    data = sender.result(added=Wei(wei), stake=Wei(now))
    emit(run, data, lambda: fields(data, {"added": "Added", "stake": "Stake"}))


@command(group, "exit")
def leave(
    run: Run,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="The last step: take out what has unbonded.")
    ] = False,
    to: Target = None,
    account: Signer = None,
) -> None:
    """End all offers, opt out, and unbond; later run it again with --withdraw."""
    from offchain_workers.cli.leaving import take_stake, unbond_all
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    target = arguments.address(to) if to else None
    connection = connect(run, account)
    sender = Sender(connection)
    if withdraw:
        taken = take_stake(connection, sender, target or sender.address)
        data = sender.result(withdrawn=Wei(taken), to=target or sender.address)
        emit(run, data, lambda: fields(data, {"withdrawn": "Withdrawn", "to": "To"}))
        return
    facts = unbond_all(connection, sender)
    data = sender.result(**facts)
    labels = {"unbonding": "Unbonding", "ready_at": "Ready at", "reserved": "Still reserved"}
    emit(run, data, lambda: fields(data, labels))


@command(group, "withdraw")
def withdraw(run: Run, to: Target = None, account: Signer = None) -> None:
    """Take out what you earned: tips, rewards, audits' pay, and your balance in the market."""
    from offchain_workers.cli.leaving import take_earnings
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    target = arguments.address(to) if to else None
    connection = connect(run, account)
    sender = Sender(connection)
    taken = take_earnings(connection, sender, target or sender.address)
    data = sender.result(**taken, to=target or sender.address)
    labels = {"credit": "Tips and rewards", "market": "From the market"}
    labels |= {at: f"From {at}" for at in taken["methods"]} | {"to": "To"}
    emit(run, data, lambda: fields(data | taken["methods"], labels))


def _endpoint(url: str) -> str:
    """Raises MN-STORE-008, MN-CLI-006."""
    from offchain_workers.storage.addresses import check_base_url

    checked = str(check_base_url(url))
    if len(checked.encode()) > _MAX_ENDPOINT:
        raise FusionError("MN-CLI-006", f"an endpoint has at most {_MAX_ENDPOINT} bytes")
    return checked
