# SPDX-License-Identifier: Apache-2.0
"""`fusion post`: inputs in, a job on the chain, and (with --wait) its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import (
    Method,
    Region,
    Signer,
    TierName,
    address,
    identifier,
    price,
    region,
)
from offchain_workers.cli.job import wait_for
from offchain_workers.cli.job_view import describe, view
from offchain_workers.cli.output import emit
from offchain_workers.cli.progress import say, waiting
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import SubnetInfo
    from offchain_workers.cli.network import Connection
    from offchain_workers.cli.sending import Sender
    from offchain_workers.models.card import ModelCard
    from offchain_workers.models.catalog import PublishedModel
    from offchain_workers.requester.posting import Prepared, Wish

_FORMATION_SECONDS = 600


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "post")(post)


def post(
    run: Run,
    model: Annotated[str, typer.Option(help="Id, the first digits of one (0x...), or name.")],
    inputs: Annotated[
        list[Path], typer.Option("--input", help="A file; repeat for a batch in one job.")
    ],
    method: Method = "none",
    subnet: Annotated[
        str | None, typer.Option(help="Id of a live subnet (default: found or formed).")
    ] = None,
    members: Annotated[int, typer.Option(min=1, max=8, help="Members of the subnet.")] = 3,
    tier: Annotated[
        list[TierName] | None, typer.Option(help="Allowed tier; repeat for more (default: all).")
    ] = None,
    region_: Region = 0,
    max_price: Annotated[
        str | None, typer.Option(help='For the whole job, as "0.01 ether" (default: as asked).')
    ] = None,
    within: Annotated[str, typer.Option(help="Time to deliver: 90s, 10m, 2h.")] = "10m",
    turn: Annotated[str, typer.Option(help="Head start of each member over the next.")] = "30s",
    best_effort: Annotated[
        bool, typer.Option("--best-effort", help="Ask no worker to accept first.")
    ] = False,
    from_balance: Annotated[
        bool, typer.Option("--from-balance", help="Pay from the balance in the market.")
    ] = False,
    bond: Annotated[
        str | None,
        typer.Option(help='Least bond of a claim, as "0.5 ether" (default: the method\'s).'),
    ] = None,
    callback: Annotated[str | None, typer.Option(help="Contract to call with the answer.")] = None,
    callback_gas: Annotated[int, typer.Option(min=0, help="Gas for the callback.")] = 200_000,
    locator: Annotated[
        str, typer.Option(help="Base URL where you serve a large input yourself.")
    ] = "",
    private: Annotated[
        bool, typer.Option("--private", help="Seal the input to the worker that accepts the job.")
    ] = False,
    open_answer: Annotated[
        bool,
        typer.Option("--open-answer", help="With --private: don't have the answer sealed to you."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer.")] = False,
    account: Signer = None,
) -> None:
    """Post a job: the model's answer on one input, or on a batch of them."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.requester.replies import reply_key

    wish = _wish(max_price, within, turn, bond, callback, callback_gas, not best_effort, locator)
    if private:
        wish = _private(wish, open_answer)
    connection = connect(run, account)
    chosen = connection.model(model)
    card = connection.catalog.card(chosen)
    items = _items(card, inputs)
    if private:
        _check_private(connection, chosen, card, method, items)
    sender = Sender(connection)
    if private and not open_answer:
        wish = replace(wish, reply=reply_key(sender.account).public)
    if subnet:
        formed = _named(connection, subnet)
    else:
        tiers = sum({1 << int(name.tier) for name in tier or list(TierName)})
        formed = _found(connection, sender, chosen, method, tiers, region(region_), members)
    prepared = _prepare(connection, sender, chosen, card, method, formed, items, wish, from_balance)
    sender.send("post the job", prepared.call)
    _report(run, connection, sender, prepared, card, wait)


def _wish(
    max_price: str | None,
    within: str,
    turn: str,
    bond: str | None,
    callback: str | None,
    callback_gas: int,
    accepted: bool,
    locator: str,
) -> Wish:
    from offchain_workers.chain.contracts.base import ZERO_ADDRESS
    from offchain_workers.requester.posting import Wish
    from offchain_workers.units import parse_duration

    return Wish(
        max_price=None if max_price is None else price(max_price, None),
        deliver_within=int(parse_duration(within)),
        turn_length=int(parse_duration(turn)),
        callback_target=address(callback) if callback else ZERO_ADDRESS,
        callback_gas=callback_gas if callback else 0,
        accepted=accepted,
        locator=locator,
        bond=price(bond, None) if bond else 0,
    )


def _private(wish: Wish, open_answer: bool) -> Wish:
    """Raises MN-CLI-070 for what a private job can't have."""
    if wish.callback_gas and not open_answer:
        line = "a contract can't read an answer that is sealed to you: add --open-answer"
        raise FusionError("MN-CLI-070", line)
    if wish.locator or not wish.accepted:
        line = "--private goes without --locator and without --best-effort"
        raise FusionError("MN-CLI-070", line)
    return replace(wish, private=True)


def _check_private(
    connection: Connection,
    model: PublishedModel,
    card: ModelCard,
    method: str,
    items: Sequence[bytes],
) -> None:
    """Before a subnet is formed for it. Raises MN-REQ-010, MN-ZK-055."""
    from offchain_workers.requester.letters import concealing
    from verifiers.base import ModelView
    from verifiers.methods import method_of

    able = concealing(method_of(connection.selector(method)), items)
    view = ModelView(card, partial(connection.catalog.blob, model))
    able.conceal(items, view, model.model_id, bytes(32))


def _items(card: ModelCard, inputs: Sequence[Path]) -> list[bytes]:
    from offchain_workers.codecs import get_codec

    limit = card.limits.max_items
    if len(inputs) > limit:
        raise FusionError("MN-CLI-022", f"{len(inputs)} inputs; the model takes {limit} in a job")
    codec = get_codec(card.codec)
    return [codec.encode(card, path) for path in inputs]


def _named(connection: Connection, subnet: str) -> SubnetInfo:
    found = connection.network.subnets.subnet(identifier(subnet, "subnet"))
    if found is None or not found.expires:
        raise FusionError("MN-CLI-023", f"no subnet {subnet} has been formed on this chain")
    return found


def _found(
    connection: Connection,
    sender: Sender,
    model: PublishedModel,
    method: str,
    tiers: int,
    region: int,
    k: int,
) -> SubnetInfo:
    from offchain_workers.chain.contracts import Spec
    from offchain_workers.cli.network import Patience
    from offchain_workers.requester.formation import Formation

    selector = connection.selector(method)
    spec = Spec(model.model_id, selector, tiers=tiers, region=region, k=k)
    patience = Patience(connection.pool, _FORMATION_SECONDS)
    with waiting(connection.run, "looking for a subnet") as update:
        return Formation(connection.network, sender.wallet, patience, update).ensure(spec)


def _prepare(
    connection: Connection,
    sender: Sender,
    model: PublishedModel,
    card: ModelCard,
    method: str,
    subnet: SubnetInfo,
    items: Sequence[bytes],
    wish: Wish,
    from_balance: bool,
) -> Prepared:
    from offchain_workers.cli.circuits import check_vouched
    from offchain_workers.models.catalog import endpoints
    from offchain_workers.requester.posting import Posting

    selector = connection.selector(method)
    artifact = connection.network.models.artifact(model.model_id, selector)
    check_vouched(connection, model, selector, sender.address)
    announced = endpoints(connection.pool, connection.network)
    posting = Posting(
        connection.network,
        subnet,
        model.model_id,
        card,
        selector,
        announced,
        artifact,
        partial(connection.catalog.blob, model),
    )
    with waiting(connection.run, "asking the members"):
        prepared = posting.prepare(sender.address, items, wish, value=0 if from_balance else None)
    for note in prepared.notes:
        say(connection.run, f"not accepted: {note}")
    return prepared


def _report(
    run: Run,
    connection: Connection,
    sender: Sender,
    prepared: Prepared,
    card: ModelCard,
    wait: bool,
) -> None:
    from offchain_workers.requester.replies import reply_key

    say(run, f"job 0x{prepared.job_id.hex()}")
    past = None
    if wait:
        past = wait_for(connection, prepared.job_id, prepared.terms.resolve_by, card)
        past = past.read_by(reply_key(sender.account))
    data: dict[str, Any] = (
        describe(past, card)
        if past
        else {"id": "0x" + prepared.job_id.hex(), "status": "open", "answers": []}
    )
    data = data | {
        "accepted": prepared.acceptance is not None,
        "not_accepted": list(prepared.notes),
        "transactions": sender.sent,
    }
    emit(run, data, lambda: view(data))
