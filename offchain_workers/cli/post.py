# SPDX-License-Identifier: Apache-2.0
"""`fusion post`: inputs in, a job on the chain, and (with --wait) its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from offchain_workers.cli.arguments import (
    Members,
    Region,
    Signer,
    address,
    price,
    region,
)
from offchain_workers.cli.job import wait_for
from offchain_workers.cli.job_view import describe, view
from offchain_workers.cli.output import emit
from offchain_workers.cli.post_options import (
    BestEffort,
    Bond,
    Callback,
    CallbackGas,
    FromBalance,
    Inputs,
    Locator,
    MaxPrice,
    MethodName,
    Named,
    OpenAnswer,
    Private,
    SubnetId,
    Tiers,
    Turn,
    Wait,
    Within,
)
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
    from offchain_workers.models.catalog import PublishedModel
    from offchain_workers.requester.posting import Prepared, Wish
    from offchain_workers.routing.record import DecisionRecord


@dataclass(frozen=True)
class Picked:
    """What runs a job, and its inputs as the model takes them."""

    model: PublishedModel
    card: ModelCard
    method: str
    items: list[bytes]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "post")(post)


def post(
    run: Run,
    inputs: Inputs,
    model: Named = None,
    task: Task = None,
    prefer: Preferred = None,
    max_latency: MaxLatency = None,
    min_quality: MinQuality = None,
    first_answer: FirstAnswer = False,
    method: MethodName = None,
    subnet: SubnetId = None,
    members: Members = 3,
    tier: Tiers = None,
    region_: Region = 0,
    max_price: MaxPrice = None,
    within: Within = "10m",
    turn: Turn = "30s",
    best_effort: BestEffort = False,
    from_balance: FromBalance = False,
    bond: Bond = None,
    callback: Callback = None,
    callback_gas: CallbackGas = 200_000,
    locator: Locator = "",
    private: Private = False,
    open_answer: OpenAnswer = False,
    wait: Wait = False,
    account: Signer = None,
) -> None:
    """Post a job: the model's answer on one input, or on a batch of them.

    With --task or --prefer the router chooses model, method and subnet, as `fusion plan` shows.
    """
    from offchain_workers.cli.network import connect

    # Who wants it private does not want it posted in the open.
    private = private or prefer is Prefer.PRIVATE
    wish = _wish(max_price, within, turn, bond, callback, callback_gas, not best_effort, locator)
    if task is None and model is None:
        raise typer.BadParameter("name a --task or a --model")
    if (max_latency or min_quality or first_answer) and task is None and prefer is None:
        # A model that is named with all the rest goes past the router, which these limits are for.
        line = "--max-latency, --min-quality and --first-answer go with --task or --prefer"
        raise typer.BadParameter(line)
    wanting = Wanting(
        task, model, prefer, wish.max_price and wish.max_price // len(inputs), max_latency,
        min_quality, first_answer, region(region_), tier or (), [method] if method else (),
        members, len(inputs), private=private,
    )  # fmt: skip
    if private:
        wish = _private(wish, open_answer)
    connection = connect(run, account)
    record = _decided(run, connection, wanting, subnet)
    picked = _picked(connection, wanting, record, inputs)
    sender, prepared = _sent(
        connection, wanting, record, picked, wish, subnet, from_balance, private and not open_answer
    )
    _report(run, connection, sender, prepared, picked.card, wait)


def _picked(
    connection: Connection,
    wanting: Wanting,
    record: DecisionRecord | None,
    inputs: Sequence[Path],
) -> Picked:
    """The router's choice, or what was named. Raises MN-CLI-022; for a private job MN-REQ-010."""
    from offchain_workers.cli import preparing

    if record is not None:
        name, method = record.chosen.model, record.chosen.method
    else:
        name, method = str(wanting.model), next(iter(wanting.methods), "none")
    model = connection.model(name)
    card = connection.catalog.card(model)
    items = _items(card, connection.selector_for(model, method), inputs)
    if wanting.private:
        preparing.check_private(connection, model, card, method, items)
    return Picked(model, card, method, items)


def _sent(
    connection: Connection,
    wanting: Wanting,
    record: DecisionRecord | None,
    picked: Picked,
    wish: Wish,
    subnet: str | None,
    from_balance: bool,
    is_answer_sealed: bool,
) -> tuple[Sender, Prepared]:
    """The job on the chain, with the subnet that it may need."""
    from offchain_workers.cli import preparing
    from offchain_workers.cli.sending import Sender
    from offchain_workers.requester.replies import reply_key

    sender = Sender(connection)
    if record is not None:
        wish = replace(wish, decision=record.hash())
    if is_answer_sealed:
        wish = replace(wish, reply=reply_key(sender.account).public)
    if subnet:
        formed = preparing.named(connection, subnet)
    else:
        selector = connection.selector(picked.method)
        spec = record.spec if record else wanting.spec(picked.model.model_id, selector)
        formed = preparing.found(connection, sender, spec)
    prepared = preparing.prepare(
        connection, sender, picked.model, picked.card, picked.method, formed, picked.items, wish,
        from_balance, record,
    )  # fmt: skip
    sender.send("post the job", prepared.call)
    return sender, prepared


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
