# SPDX-License-Identifier: Apache-2.0
"""`fusion watch`: the challenger's daemon, and games as they are played."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import Signer
from offchain_workers.cli.run import Run, command

if TYPE_CHECKING:
    from offchain_workers.challenger.tell import Tell
    from offchain_workers.config import Settings

NOBODY = "0x" + "00" * 20

Once = Annotated[
    bool, typer.Option("--once", help="Do what is due now, then exit: for timers. See the docs.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Judge and report; send nothing.")]
Share = Annotated[
    float | None,
    typer.Option("--share", min=0, max=1, help="Share of the claims to run again, 0 to 1."),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="MODEL", help="Watch this model only; can be repeated."),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="AMOUNT", help='Most that may be in bonds: "0.1 ether".'),
]
OneEndpoint = Annotated[
    bool, typer.Option("--one-endpoint", help="Bond on the word of a single RPC endpoint.")
]
Game = Annotated[
    str | None, typer.Option("--game", metavar="JOB", help="Show the games about a job instead.")
]
Who = Annotated[
    str | None,
    typer.Option("--challenger", metavar="ADDRESS", help="With --game: this challenger's."),
]
Follow = Annotated[
    bool, typer.Option("--follow", help="With --game: go on until the game has ended.")
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "watch")(watch)


def watch(
    run: Run,
    once: Once = False,
    dry_run: DryRun = False,
    share: Share = None,
    model: Models = None,
    budget: Budget = None,
    one_endpoint: OneEndpoint = False,
    game: Game = None,
    challenger: Who = None,
    follow: Follow = False,
    account: Signer = None,
) -> None:
    """Run claims under opml again, and dispute the wrong ones, until SIGTERM.

    --json prints one document a line for all that happens.
    """
    if game is not None:
        from offchain_workers.cli.watch_game import show_game

        show_game(run, game, challenger, follow)
        return
    if follow or challenger is not None:
        raise typer.BadParameter("--follow and --challenger go with --game JOB")
    given = {"share": share, "budget_wei": budget}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    switches = {"dry_run": dry_run, "one_endpoint": one_endpoint}
    options |= {name: True for name, value in switches.items() if value}
    if model:
        options["models"] = _references(run, model)
    overrides: dict[str, Any] = {"watch": options}
    if account:
        overrides["account"] = {"keystore": account}
    _serve(run, run.settings(overrides), once)


def _serve(run: Run, settings: Settings, once: bool) -> None:
    from offchain_workers.challenger import serve
    from offchain_workers.cli.network import unlock

    if settings.watch.dry_run:
        serve(settings, _address(settings), None, _teller(run), once)
        return
    account = unlock(settings)
    serve(settings, account.address, account, _teller(run), once)


def _address(settings: Settings) -> str:
    """Whose share a dry run takes; nobody's without a keystore."""
    from offchain_workers.cli.network import own_address

    return own_address(settings) if settings.account.keystore else NOBODY


def _references(run: Run, models: list[str]) -> list[str]:
    from offchain_workers.cli.network import connect
    from offchain_workers.config.values import model_reference

    connection = connect(run)
    return [model_reference(connection.model(reference).model_id) for reference in models]


def _teller(run: Run) -> Tell:
    """One line for each thing that happens, at once."""
    from offchain_workers.cli.output import cell, plain, printable

    def as_json(what: str, **fields: Any) -> None:
        print(json.dumps(plain({"at": int(time.time()), "what": what, **fields})), flush=True)

    def as_text(what: str, **fields: Any) -> None:
        told = (f"{name} {cell(value)}" for name, value in fields.items() if value is not None)
        print(printable(f"{what:<9}{', '.join(told)}"), flush=True)

    return as_json if run.as_json else as_text
