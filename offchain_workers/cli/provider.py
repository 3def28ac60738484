# SPDX-License-Identifier: Apache-2.0
"""`fusion provider`: lease machines of others, see what runs, give it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.output import emit, fields, moment, table
from offchain_workers.cli.progress import say
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.providers.base import OfferSource, Wish
    from offchain_workers.providers.leases import Leases
    from offchain_workers.providers.tables import LeaseRow

group = typer.Typer(
    no_args_is_help=True, help="Lease machines of others by the hour, for tier web3_share."
)

_OFFERS = {"what": "Offer", "price": "From", "free": "Free", "where": "Where"}
_LEASES = {
    "name": "Lease",
    "source": "Source",
    "state": "State",
    "provider": "Provider",
    "price": "Price",
    "ends": "Ends",
    "url": "URL",
}

Source = Annotated[str, typer.Option("--source", metavar="NAME", help="akash, or static.")]
Gpu = Annotated[str, typer.Option("--gpu", metavar="MODEL", help="Such as rtx4090, h100.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="How many; 0 for none.")]
Image = Annotated[str, typer.Option("--image", help="Container image of an OIP server.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65_535, help="Where it listens.")]
Cpus = Annotated[int, typer.Option("--cpus", min=1, help="CPU cores.")]
Memory = Annotated[int, typer.Option("--memory", min=1, help="GiB.")]
Disk = Annotated[int, typer.Option("--disk", min=1, help="GiB.")]
Hours = Annotated[
    int, typer.Option("--hours", min=1, help="The source ends the lease after so many, at most 48.")
]
MaxPrice = Annotated[
    str, typer.Option("--max-price", metavar="DOLLARS", help="Most per hour: 0.35.")
]
Command = Annotated[
    list[str] | None,
    typer.Option("--command", help="What the container runs; repeat for each argument."),
]
BidSeconds = Annotated[float, typer.Option("--bid-seconds", help="How long to wait for bids.")]
UpSeconds = Annotated[
    float, typer.Option("--up-seconds", help="How long its server may take to answer.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be ordered; order nothing.")
]
Name = Annotated[
    str | None, typer.Argument(metavar="LEASE", help="Its name, or its number at the source.")
]
All = Annotated[bool, typer.Option("--all", help="Every lease, and strays at the sources too.")]


@command(group, "search")
def search(run: Run, source: Source = "akash", gpu: Gpu = "") -> None:
    """What a source has, cheapest first; orders nothing."""
    from offchain_workers.providers.base import Wish, shown

    with _leases(run, exclusive=False) as leases:
        found = leases.source(source).search(Wish(gpu=gpu))
    rows = [{**vars(offer), "price": shown(offer.price)} for offer in found]
    emit(run, {"offers": found}, lambda: table(rows, _OFFERS))


@command(group, "lease")
def lease(
    run: Run,
    max_price: MaxPrice,
    source: Source = "akash",
    image: Image = "",
    gpu: Gpu = "",
    gpus: Gpus = 0,
    cpus: Cpus = 4,
    memory: Memory = 16,
    disk: Disk = 40,
    port: Port = 8_000,
    hours: Hours = 1,
    container_command: Command = None,
    bid_seconds: BidSeconds = 120.0,
    up_seconds: UpSeconds = 600.0,
    dry_run: DryRun = False,
) -> None:
    """Lease a machine and wait until its server answers; what fails is given back at once."""
    from offchain_workers.providers.base import Wish, dollars

    wish = Wish(
        image=image,
        gpu=gpu,
        gpus=max(gpus, 1) if gpu else gpus,
        cpus=cpus,
        memory=memory,
        disk=disk,
        port=port,
        hours=hours,
        max_price=dollars(max_price),
        command=tuple(container_command or ()),
    )
    if dry_run:
        _show_order(run, source, wish)
        return
    with _leases(run) as leases:
        _settle(leases)
        name = leases.lease(leases.source(source), wish, bid_seconds, up_seconds)
        row = leases.ledger.row(name)
    emit(run, _told(row), lambda: fields(_shown(row), _LEASES))


@command(group, "status")
def status(run: Run) -> None:
    """Every lease that is not over, and what runs at the sources without being in the ledger."""
    from offchain_workers.chain.errors import DatabaseLockedError
    from offchain_workers.providers.tables import OVER

    try:
        with _leases(run) as leases:
            _settle(leases)
            rows, strays = leases.ledger.all(), _strays(leases)
    except DatabaseLockedError:
        # A `fusion provider lease` is under way: look, and leave things to it.
        with _leases(run, exclusive=False) as leases:
            rows, strays = leases.ledger.all(), {}
    live = [row for row in rows if row.state not in OVER]
    data = {"leases": [_told(row) for row in live], "strays": strays}
    shown = [_shown(row) for row in live]
    shown += [{"name": name, "state": f"stray: {handle}"} for name, handle in strays.items()]
    emit(run, data, lambda: table(shown, _LEASES))


@command(group, "release")
def release(run: Run, name: Name = None, everything: All = False) -> None:
    """Give a lease back; it costs nothing more."""
    if (name is None) == (not everything):
        raise typer.BadParameter("name a lease, or --all")
    with _leases(run) as leases:
        left = leases.settle()
        names = [name] if name else [*_names(leases), *_strays(leases)]
        for each in names:
            leases.release(each)
    if everything and left:
        raise FusionError("MN-PROV-011", f"not settled, and may cost money: {', '.join(left)}")
    emit(run, {"released": names}, lambda: "\n".join(f"released {each}" for each in names))


def _names(leases: Leases) -> list[str]:
    from offchain_workers.providers.tables import OVER

    return [row.name for row in leases.ledger.all() if row.state not in OVER and row.handle]


def _settle(leases: Leases) -> None:
    """Raises MN-PROV-011 when something that may cost money could not be looked at."""
    left = leases.settle()
    if left:
        line = f"left by an earlier command and not settled: {', '.join(left)}; it may cost money"
        raise FusionError("MN-PROV-011", line)


def _strays(leases: Leases) -> dict[str, str]:
    found = [leases.strays(source) for source in leases.sources()]
    return {name: handle for strays in found for name, handle in strays.items()}


def _show_order(run: Run, source: str, wish: Wish) -> None:
    with _leases(run, exclusive=False) as leases:
        at: OfferSource = leases.source(source)
        order = at.describe(wish, "fusion-dry-run")
    import json

    emit(run, {"dry_run": True, "order": order}, lambda: json.dumps(order, indent=2))


@contextmanager
def _leases(run: Run, exclusive: bool = True) -> Iterator[Leases]:
    from offchain_workers.providers.build import build_sources, open_ledger
    from offchain_workers.providers.leases import Leases
    from offchain_workers.providers.ledger import Ledger

    config = run.settings().provider
    sources = build_sources(config)
    db = open_ledger(config, exclusive)
    try:
        yield Leases(Ledger(db), sources, tell=lambda line: say(run, line))
    finally:
        db.close()


def _told(row: LeaseRow) -> dict[str, Any]:
    names = ("name", "source", "state", "handle", "provider", "price", "url", "reason")
    return {name: getattr(row, name) for name in names} | {"ends_at": int(row.ends_at)}


def _shown(row: LeaseRow) -> dict[str, Any]:
    from offchain_workers.providers.base import shown

    return {**_told(row), "price": shown(row.price), "ends": moment(int(row.ends_at))}
