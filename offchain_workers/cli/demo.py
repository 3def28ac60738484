# SPDX-License-Identifier: Apache-2.0
"""`fusion demo` and `fusion up`: a whole market on this machine."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from offchain_workers.cli.output import emit, table
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.localnet import Localnet
    from offchain_workers.localnet.demo import Demo

Chain = Annotated[
    Literal["auto", "anvil", "embedded"],
    typer.Option(help="Which development chain; auto takes anvil where it is found."),
]
_COLUMNS = {
    "model": "Model",
    "method": "Method",
    "input": "Input",
    "status": "Status",
    "worker": "Worker",
    "answer": "Answer",
    "post": "Gas post",
    "deliver": "Gas deliver",
    "paid": "Paid",
}
_SHOWN_NAME = 28
# Piped output is not wrapped.
_WIDE = 160


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "demo")(demo)
    command(app, "up")(up)


def demo(
    run: Run,
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", help="A file to have labelled; repeat for more."),
    ] = None,
    chain: Chain = "auto",
    keep: Annotated[
        Path | None, typer.Option(help="Keep chain, keys and logs in this folder.")
    ] = None,
    method: Annotated[
        Literal["none", "opml", "teeml", "zkml"],
        typer.Option(
            help="How answers are verified; under opml a worker lies and is caught, under teeml "
            "one's hardware is revoked."
        ),
    ] = "none",
    adversary: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Under opml: who lies, and how; `list` lists them."),
    ] = None,
) -> None:
    """Start a market, wish for answers on real inputs, show what is chosen, why, and who is paid.

    Everything runs on this machine and is thrown away afterwards, unless --keep is given.
    """
    if method == "zkml" and adversary is None:
        _zkml(run, chain, keep)
        return
    if method == "teeml" and adversary is None:
        from offchain_workers.cli import demo_teeml

        demo_teeml.play(run, chain, keep, _progress(run), partial(_play, run))
        return
    if method == "opml" or adversary is not None:
        if inputs:
            raise typer.BadParameter("--input goes with --method none: a dispute is about a digit")
        from offchain_workers.cli import demo_opml

        demo_opml.play(run, adversary or demo_opml.USUAL, chain, keep, _progress(run))
        return
    from offchain_workers.cli import demo_wishes

    files = [_readable(path) for path in inputs or ()]
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusion-")))
        net, played, plans = demo_wishes.start(run, stack, folder, chain, files, _progress(run))
        _finish(run, stack, net, played, plans)


def _zkml(run: Run, chain: Chain, keep: Path | None) -> None:
    """Digits, each answered with a proof that the chain checks before it pays."""
    from offchain_workers.localnet.zkml import start_demo

    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusion-")))
        net, played = start_demo(stack, folder, chain, _progress(run))
        _finish(run, stack, net, played)


def _finish(
    run: Run,
    stack: ExitStack,
    net: Localnet,
    played: Demo,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    _play(run, stack, played)
    document = {
        "chain": {"kind": net.devnet.kind, "id": net.devnet.chain_id, "url": net.devnet.url},
        **more,
        "jobs": [job.document() for job in played.jobs],
        "ok": all(job.ok for job in played.jobs),
    }
    if run.as_json:
        emit(run, document, str)
    if document["ok"]:
        return
    if run.as_json:
        raise typer.Exit(1)  # the document says which job failed and why
    raise FusionError("MN-CLI-020", "a job of the demo was not answered and paid")


def up(
    run: Run,
    folder: Annotated[Path, typer.Option(help="Where the market keeps its files.")] = Path(
        "fusion-local"
    ),
    chain: Chain = "auto",
    port: Annotated[int | None, typer.Option(help="Port of the chain's JSON-RPC.")] = None,
    block_time: Annotated[int, typer.Option(help="Seconds between blocks.")] = 1,
) -> None:
    """A market that stays up until Ctrl-C and goes on where it ended when started again."""
    from offchain_workers.localnet import Localnet

    with Localnet(folder, kind=chain, port=port, block_time=block_time, say=_progress(run)) as net:
        data = {
            "chain": {"kind": net.devnet.kind, "id": net.devnet.chain_id, "url": net.devnet.url},
            "config": str(net.layout.config),
            "workers": [
                {"name": w.plan.name, "operator": w.address, "endpoint": w.endpoint}
                for w in net.workers
            ],
            "models": {name: f"model:0x{ids.hex()}" for name, (ids, _) in net.models.items()},
        }
        emit(run, data, lambda: _welcome(data))
        sys.stdout.flush()
        threading.Event().wait()


def _welcome(data: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"The market is up on {data['chain']['kind']} at {data['chain']['url']}.",
            "In another terminal:",
            f"  export FUSION_CONFIG={data['config']}",
            "  fusion model list",
            "  fusion post --model magika --input README.md --wait",
            "Ctrl-C stops it; `fusion up` goes on from here.",
        ]
    )


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise FusionError("MN-CLI-021", f"{path} is not a file that can be read")
    return path.absolute()


def _progress(run: Run) -> Any:
    """Steps go to stderr, so that --json stays one document."""

    def say(step: str) -> None:
        print(f"· {step}", file=sys.stderr, flush=True)

    return say


def _play(run: Run, stack: ExitStack, played: Demo) -> None:
    if run.as_json:
        played.run()
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        played.run()
        Console(width=_WIDE, highlight=False, markup=False).print(_jobs(played))
        return
    with Live(_jobs(played), console=console, refresh_per_second=8) as live:
        played.on_change(lambda: live.update(_jobs(played)))
        played.run()


def _jobs(played: Demo) -> RenderableType:
    return table([_row(job) for job in played.jobs], _COLUMNS)


def _note(job: Any) -> str:
    if job.private:
        return " (private)"
    return " (callback)" if job.input.by_contract else ""


def _row(job: Any) -> dict[str, Any]:
    from offchain_workers.units import Wei

    name = job.input.name
    score = job.answer.get("score")
    label = job.answer.get("label")
    return {
        "model": job.input.model,
        "method": job.method,
        "input": name if len(name) <= _SHOWN_NAME else "…" + name[1 - _SHOWN_NAME :],
        "status": job.status + _note(job),
        "worker": job.worker,
        "answer": None if label is None else f"{label} {score:.3f}" if score else label,
        "post": job.gas["post"],
        "deliver": job.gas["deliver"],
        "paid": None if job.paid is None else Wei(job.paid),
    }
