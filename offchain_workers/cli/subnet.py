# SPDX-License-Identifier: Apache-2.0
"""`fusion subnet`: look at subnets, form them, and draw them again from chain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offchain_workers.cli import arguments
from offchain_workers.cli.arguments import Method, Region, Signer, TierName, Token
from offchain_workers.cli.output import emit
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import Spec
    from offchain_workers.cli.network import Connection

group = typer.Typer(no_args_is_help=True, help="The operators behind a job: form and check.")

SubnetId = Annotated[str, typer.Argument(metavar="SUBNET", help="The id, 0x and 64 digits.")]
Model = Annotated[
    str, typer.Option("--model", metavar="MODEL", help="Id, first digits of one, or name.")
]
Tiers = Annotated[
    list[TierName] | None,
    typer.Option("--tier", help="Allowed tier; repeat for more (default: all)."),
]
MaxPrice = Annotated[
    str | None,
    typer.Option(
        "--max-price",
        metavar="AMOUNT",
        help="Per item; rounded down to the power of two that a spec can hold.",
    ),
]
Members = Annotated[int, typer.Option("--members", min=1, max=8, help="How many operators.")]


@command(group, "show")
def show(
    run: Run,
    subnet: Annotated[
        str | None, typer.Argument(metavar="SUBNET", help="Its id; or give --model.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="The latest subnet of a spec instead."),
    ] = None,
    method: Method = "none",
    token: Token = None,
    tier: Tiers = None,
    region: Region = 0,
    max_price: MaxPrice = None,
    members: Members = 3,
) -> None:
    """Show a subnet: its state, its spec and its members."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.subnet_view import latest, state, view

    if (subnet is None) == (model is None):
        raise typer.BadParameter("give a subnet's id, or --model and the rest of a spec")
    wanted = arguments.identifier(subnet, "subnet") if subnet else None
    connection = connect(run)
    if model is not None:
        wanted = latest(
            connection, _spec(connection, model, method, token, tier, region, max_price, members)
        )
    assert wanted is not None
    data = state(connection, wanted)
    emit(run, data, lambda: view(data))


@command(group, "request")
def request(
    run: Run,
    model: Model,
    method: Method = "none",
    token: Token = None,
    tier: Tiers = None,
    region: Region = 0,
    max_price: MaxPrice = None,
    members: Members = 3,
    only: Annotated[
        bool, typer.Option("--only-request", help="Leave the forming to others.")
    ] = False,
    account: Signer = None,
) -> None:
    """Ask for a subnet, wait for its seed, and form it."""
    from offchain_workers.cli.forming import Forming
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.cli.subnet_view import state, view

    connection = connect(run, account)
    spec = _spec(connection, model, method, token, tier, region, max_price, members)
    forming = Forming(connection, spec)
    cost = forming.cost()
    forming.check_candidates()
    sender = Sender(connection)
    subnet_id = forming.request(sender, cost)
    if not only:
        forming.form(sender)
    data = sender.result(**state(connection, subnet_id))
    emit(run, data, lambda: view(data))


@command(group, "form")
def form(
    run: Run,
    model: Model,
    method: Method = "none",
    token: Token = None,
    tier: Tiers = None,
    region: Region = 0,
    max_price: MaxPrice = None,
    members: Members = 3,
    account: Signer = None,
) -> None:
    """Form a subnet that somebody requested, and earn the tip; waits for its seed."""
    from offchain_workers.cli.forming import Forming
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.cli.subnet_view import state, view

    connection = connect(run, account)
    spec = _spec(connection, model, method, token, tier, region, max_price, members)
    forming = Forming(connection, spec)
    subnet_id = forming.requested()
    sender = Sender(connection)
    forming.form(sender)
    data = sender.result(**state(connection, subnet_id))
    emit(run, data, lambda: view(data))


@command(group, "replay")
def replay(run: Run, subnet: SubnetId) -> None:
    """Draw a formed subnet again from chain data alone; exit 1 when the chain differs."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.replaying import check, report, view

    wanted = arguments.identifier(subnet, "subnet")
    connection = connect(run)
    data = report(check(connection, wanted), wanted)
    emit(run, data, lambda: view(data))
    if data["matches"]:
        return
    if run.as_json:
        raise typer.Exit(1)
    raise FusionError("MN-CLI-028", "the subnet is not what the chain's own data give")


def _spec(
    connection: Connection,
    model: str,
    method: str,
    token: str | None,
    tiers: list[TierName] | None,
    region: int,
    max_price: str | None,
    members: int,
) -> Spec:
    from offchain_workers.chain.contracts import Spec

    coin = arguments.token_address(token)
    arguments.region(region)
    price = None if max_price is None else arguments.price(max_price, token)
    return Spec(
        connection.model(model).model_id,
        connection.selector(method),
        token=coin,
        tiers=sum(1 << int(name.tier) for name in set(tiers or TierName)),
        region=region,
        band=96 if price is None else max(arguments.positive(price, "a price").bit_length() - 1, 0),
        k=members,
    )
