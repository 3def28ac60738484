# SPDX-License-Identifier: Apache-2.0
"""`fusion init`: a commented configuration file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain_workers.cli.output import emit
from offchain_workers.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "init")(init)


def init(
    run: Run,
    path: Annotated[
        Path | None,
        typer.Option(
            "--path", help="Where to write it (default: that of --config).", metavar="FILE"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented configuration file with every setting at its default."""
    from offchain_workers.config import config_path, write_template

    target = path or config_path(run.config)
    write_template(target, force=force)
    emit(run, {"path": target.absolute()}, lambda: f"wrote {target}")
