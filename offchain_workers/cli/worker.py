# SPDX-License-Identifier: Apache-2.0
"""`fusion worker`: the operator's daemon."""

from __future__ import annotations

import typer

from offchain_workers.cli.arguments import Signer
from offchain_workers.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "worker")(worker)


def worker(run: Run, account: Signer = None) -> None:
    """Serve your offers until SIGTERM: accept jobs, run models, deliver, settle."""
    from offchain_workers.cli.network import unlock
    from offchain_workers.operator import serve

    settings = run.settings({"account": {"keystore": account}} if account else None)
    serve(settings, unlock(settings))
