# SPDX-License-Identifier: Apache-2.0
"""`fusion plan`: what would be taken for a wish, and why, before any money moves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain_workers.cli import files
from offchain_workers.cli.arguments import Members, Region, TierName, region
from offchain_workers.cli.output import emit
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.wishes import (
    FirstAnswer,
    MaxLatency,
    MinQuality,
    Preferred,
    Task,
    Wanted,
    Wanting,
    coins,
    decide,
    read_wish,
)

Model = Annotated[
    str | None, typer.Option(help="A model instead: id, first digits of one, or name.")
]
MaxPrice = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help='Per item: "0.01 ether", or 0.01.')
]
Methods = Annotated[
    list[str] | None, typer.Option(help="Allowed method; repeat for more (default: all).")
]
Tiers = Annotated[
    list[TierName] | None,
    typer.Option(help="Tier in the order of your preference; repeat for more (default: all)."),
]
Items = Annotated[int, typer.Option(min=1, help="Inputs in one job.")]
Attesters = Annotated[
    list[str] | None,
    typer.Option(metavar="ADDRESS", help="Whose word counts; repeat for more (default: all)."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the decision record here too.")
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "plan")(plan)


def plan(
    run: Run,
    task: Task = None,
    model: Model = None,
    prefer: Preferred = None,
    max_price: MaxPrice = None,
    max_latency: MaxLatency = None,
    min_quality: MinQuality = None,
    first_answer: FirstAnswer = False,
    method: Methods = None,
    tier: Tiers = None,
    region_: Region = 0,
    members: Members = 3,
    items: Items = 1,
    attester: Attesters = None,
    wish: Wanted = None,
    out: Out = None,
) -> None:
    """Choose model, method and subnet for a wish, and say why. Nothing is sent."""
    from offchain_workers.cli import decision_view
    from offchain_workers.cli.network import connect

    connection = connect(run)
    if wish is not None:
        request = read_wish(wish)
    else:
        wanting = Wanting(
            task,
            model,
            prefer,
            None if max_price is None else coins(max_price),
            max_latency,
            min_quality,
            first_answer,
            region(region_),
            tier or (),
            method or (),
            members,
            items,
            attester or (),
        )
        request = wanting.request(connection)
    record = decide(connection, request)
    if out is not None:
        files.write(out, record.canonical())
    if record.choice is None and not run.as_json:
        emit(run, {}, lambda: decision_view.view(record))
        _ = record.chosen  # raises, with the reasons counted
    emit(run, decision_view.document(record), lambda: decision_view.view(record))
    if record.choice is None:
        raise typer.Exit(1)  # the document has the reasons
