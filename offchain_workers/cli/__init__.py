# SPDX-License-Identifier: Apache-2.0
"""`fusion`: one command for requesters, operators, challengers and publishers.

Heavy imports belong inside the commands, so that `fusion --help` is quick and works without extras.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from offchain_workers.cli import (
    account,
    adversary,
    balance,
    decisions,
    demo,
    deploy,
    doctor,
    evaluating,
    gateway,
    init,
    job,
    model,
    observations,
    operator,
    opml,
    plan,
    post,
    receipt,
    serve,
    subnet,
    teeml,
    watch,
    worker,
    zkml,
)
from offchain_workers.cli.output import show_error
from offchain_workers.cli.run import Config, Json, Run, Verbose
from offchain_workers.errors import FusionError

__all__ = ["app", "main"]

app = typer.Typer(
    name="fusion",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Buy, sell and check AI inference on any EVM chain.",
)
init.add_to(app)
demo.add_to(app)
plan.add_to(app)
post.add_to(app)
decisions.add_to(app)
deploy.add_to(app)
balance.add_to(app)
worker.add_to(app)
serve.add_to(app)
watch.add_to(app)
gateway.add_to(app)
doctor.add_to(app)
app.add_typer(account.group, name="account")
evaluating.add_to(model.group)
app.add_typer(model.group, name="model")
app.add_typer(operator.group, name="operator")
app.add_typer(subnet.group, name="subnet")
app.add_typer(job.group, name="job")
app.add_typer(observations.group, name="observations")
app.add_typer(receipt.group, name="receipt")
app.add_typer(opml.group, name="opml")
app.add_typer(teeml.group, name="teeml")
app.add_typer(zkml.group, name="zkml")
app.add_typer(adversary.group, name="adversary", hidden=True)


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 an error with its code, 2 wrong usage, 130 interrupted."""
    run = Run()
    try:
        app(args=args, prog_name="fusion", obj=run)
    except FusionError as error:
        _fail(run, error)
    except KeyboardInterrupt:
        sys.exit(130)
    # The last resort of the program: whatever went wrong gets a code and says how to see more.
    except Exception as error:
        hint = "" if run.verbose else "; --verbose shows the traceback"
        reason = f"unexpected {type(error).__name__}: {error}{hint}"
        _fail(run, FusionError("MN-CLI-500", reason))


def _show_version(value: bool) -> None:
    if value:
        print(f"fusion {_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return version("model-network")
    except PackageNotFoundError:
        return "(a source tree that is not installed)"


@app.callback()
def _options(
    ctx: typer.Context,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    ctx.obj.add(config, as_json, verbose)


def _fail(run: Run, error: FusionError) -> None:
    if run.verbose:
        traceback.print_exc()
    show_error(run, error)
    sys.exit(1)
