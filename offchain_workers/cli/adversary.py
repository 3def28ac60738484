# SPDX-License-Identifier: Apache-2.0
"""`fusion adversary`: who lies in `fusion demo --method opml`. Development chains only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain_workers.cli.arguments import identifier
from offchain_workers.cli.run import Run, command

group = typer.Typer(no_args_is_help=True, help="Lie, on a development chain, to see it fail.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="See `fusion demo --adversary list`.")]


@command(group, "worker")
def worker(run: Run, name: Name) -> None:
    """A worker like others, but for the lies it tells under method opml."""
    from offchain_workers.cli.network import unlock
    from offchain_workers.config import find_deployment
    from offchain_workers.operator import serve
    from verifiers.opml.adversaries.errors import need_development_chain
    from verifiers.opml.adversaries.method import LyingMethod

    settings = run.settings()
    need_development_chain(find_deployment(settings).chain_id)
    serve(settings, unlock(settings), [LyingMethod(name)])


@command(group, "challenger")
def challenger(
    run: Run,
    name: Name,
    job: Annotated[str, typer.Option("--job", metavar="JOB", help="Whose claim to play against.")],
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="DIR", help="The compiled model's folder.")
    ],
) -> None:
    """Play against a claim without regard to what is right, until it is decided."""
    from offchain_workers.cli.network import connect, unlock
    from offchain_workers.localnet.attack import attack

    found = connect(run)
    account = unlock(found.settings)
    job_id = identifier(job, "job")
    attack(found.settings, found.pool, found.network, account, name, job_id, bundle)
