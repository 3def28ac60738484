# SPDX-License-Identifier: Apache-2.0
"""`fusion gateway`: the daemon behind the HTTP API, and `fusion apikey`: who may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import Signer, price
from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.gateway.callers import KeyEntry

keys = typer.Typer(no_args_is_help=True, help="API keys of a gateway, and their quotas.")

Name = Annotated[str, typer.Argument(help="Whose key it is: letters, digits, dots, dashes.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "gateway")(gateway)
    app.add_typer(keys, name="apikey")


def gateway(run: Run, account: Signer = None) -> None:
    """Serve the HTTP API until SIGTERM: plans, jobs, blobs, inference.

    Jobs are paid from the account's balance in the market: `fusion deposit`.
    """
    from offchain_workers.cli.network import unlock
    from offchain_workers.gateway import serve

    settings = run.settings({"account": {"keystore": account}} if account else None)
    serve(settings, unlock(settings))


@command(keys, "new")
def new(
    run: Run,
    name: Name,
    spend_per_hour: Annotated[
        str | None, typer.Option(help='As "0.1 ether" (default: as configured).')
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1)] = None,
    in_flight: Annotated[int | None, typer.Option(min=1, help="Unanswered items.")] = None,
    upload_per_hour: Annotated[int | None, typer.Option(min=0, help="Bytes.")] = None,
) -> None:
    """Make a key. It is shown once, only its hash is kept; running gateways take it at once."""
    from offchain_workers.gateway.callers import KeyEntry, new_key

    key, digest = new_key()
    try:
        entry = KeyEntry(
            name=name,
            sha256=digest,
            spend_per_hour=None if spend_per_hour is None else price(spend_per_hour, None),
            requests_per_minute=requests_per_minute,
            max_in_flight=in_flight,
            blob_bytes_per_hour=upload_per_hour,
        )
    except ValueError as error:
        raise FusionError("MN-GATE-022", f"{name[:64]!r} is no name for a key") from error
    known = _read(run)
    if any(other.name == name for other in known):
        raise FusionError("MN-GATE-022", f"there is a key called {name}: revoke it first")
    _write(run, [*known, entry])
    data = {"name": name, "key": key}
    emit(run, data, lambda: fields(data, {"name": "Name", "key": "Key"}))


@command(keys, "list")
def show(run: Run) -> None:
    """List keys by name; the keys themselves are nowhere."""
    data: dict[str, Any] = {"keys": [e.model_dump(exclude={"sha256"}) for e in _read(run)]}
    emit(run, data, lambda: table(data["keys"], {name: name for name in _COLUMNS}))


@command(keys, "revoke")
def revoke(run: Run, name: Name) -> None:
    """End a key at once, for running gateways, too."""
    known = _read(run)
    left = [entry for entry in known if entry.name != name]
    if len(left) == len(known):
        raise FusionError("MN-GATE-022", f"no key is called {name[:64]!r}")
    _write(run, left)
    data = {"name": name, "revoked": True}
    emit(run, data, lambda: fields(data, {"name": "Name", "revoked": "Revoked"}))


_COLUMNS = (
    "name", "spend_per_hour", "requests_per_minute", "max_in_flight", "blob_bytes_per_hour",
)  # fmt: skip


def _read(run: Run) -> list[KeyEntry]:
    from offchain_workers.gateway.callers import read_keys

    return read_keys(run.settings().gateway.keys_file)


def _write(run: Run, entries: list[KeyEntry]) -> None:
    from offchain_workers.gateway.callers import write_keys

    write_keys(run.settings().gateway.keys_file, entries)
