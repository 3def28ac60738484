# SPDX-License-Identifier: Apache-2.0
"""`fusion relay`: lets others reach workers that nobody can dial."""

from __future__ import annotations

import typer

from offchain_workers.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "relay")(relay)


def relay(run: Run) -> None:
    """Carry requests to the workers that dial in, until SIGTERM; see docs/tiers.md."""
    from offchain_workers.relay.serve import serve

    serve(run.settings())
