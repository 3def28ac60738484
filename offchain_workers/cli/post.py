# SPDX-License-Identifier: Apache-2.0
"""`fusion post`: inputs in, a job on the chain, and (with --wait) its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import (
    Region,
    Signer,
    TierName,
    address,
    price,
    region,
)
from offchain_workers.cli.job import wait_for
from offchain_workers.cli.job_view import describe, view
from offchain_workers.cli.output import emit
from offchain_workers.cli.progress import say
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.wishes import (
    FirstAnswer,
    MaxLatency,
    MinQuality,
    Prefer,
    Preferred,
    Task,
    Wanting,
    decide,
)
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.cli.network import Connection
    from offchain_workers.cli.sending import Sender
    from offchain_workers.models.card import ModelCard
    from offchain_workers.requester.posting import Prepared, Wish
    from offchain_workers.routing.record import DecisionRecord


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "post")(post)


def post(
    run: Run,
    inputs: Annotated[
        list[Path], typer.Option("--input", help="A file; repeat for a batch in one job.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Id, the first digits of one (0x...), or name.")
    ] = None,
    task: Task = None,
    prefer: Preferred = None,
    max_latency: MaxLatency = None,
    min_quality: MinQuality = None,
    first_answer: FirstAnswer = False,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Verification method (default: none; of a wish: any that fits)."
        ),
    ] = None,
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
    """Post a job: the model's answer on one input, or on a batch of them.

    With --task or --prefer the router chooses model, method and subnet, as `fusion plan` shows.
    """
    from offchain_workers.cli import preparing
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.requester.replies import reply_key

    # Who wants it private does not want it posted in the open.
    private = private or prefer is Prefer.PRIVATE
    wish = _wish(max_price, within, turn, bond, callback, callback_gas, not best_effort, locator)
    if task is None and model is None:
        raise typer.BadParameter("name a --task or a --model")
    wanting = Wanting(
        task, model, prefer, wish.max_price and wish.max_price // len(inputs), max_latency,
        min_quality, first_answer, region(region_), tier or (), [method] if method else (),
        members, len(inputs), private=private,
    )  # fmt: skip
    if private:
        wish = _private(wish, open_answer)
    connection = connect(run, account)
    record = _decided(run, connection, wanting, subnet)
    if record is not None:
        model, method = record.chosen.model, record.chosen.method
        wish = replace(wish, decision=record.hash())
    chosen, method = connection.model(str(model)), method or "none"
    card = connection.catalog.card(chosen)
    items = _items(card, connection.selector(method), inputs)
    if private:
        preparing.check_private(connection, chosen, card, method, items)
    sender = Sender(connection)
    if private and not open_answer:
        wish = replace(wish, reply=reply_key(sender.account).public)
    if subnet:
        formed = preparing.named(connection, subnet)
    else:
        selector = connection.selector(method)
        spec = record.spec if record else wanting.spec(chosen.model_id, selector)
        formed = preparing.found(connection, sender, spec)
    prepared = preparing.prepare(
        connection, sender, chosen, card, method, formed, items, wish, from_balance, record
    )
    sender.send("post the job", prepared.call)
    _report(run, connection, sender, prepared, card, wait)


def _decided(
    run: Run, connection: Connection, wanting: Wanting, subnet: str | None
) -> DecisionRecord | None:
    """What the router makes of a wish; None for a model that is named with all the rest.

    Raises MN-ROUTE-011.
    """
    from offchain_workers.cli.decision_view import why

    if wanting.task is None and wanting.prefer is None:
        return None
    if subnet:
        raise typer.BadParameter("a wish finds its subnet itself: no --subnet")
    record = decide(connection, wanting.request(connection))
    say(run, f"{record.chosen.name} under {record.chosen.method}: {why(record)}")
    return record


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


def _items(card: ModelCard, selector: bytes, inputs: Sequence[Path]) -> list[bytes]:
    from offchain_workers.codecs import get_codec, under

    limit = card.limits.max_items
    if len(inputs) > limit:
        raise FusionError("MN-CLI-022", f"{len(inputs)} inputs; the model takes {limit} in a job")
    codec, card = get_codec(card.codec), under(card, selector)
    return [codec.encode(card, path) for path in inputs]


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
        "decision": prepared.terms.decision_hash if any(prepared.terms.decision_hash) else None,
        "transactions": sender.sent,
    }
    emit(run, data, lambda: view(data))
