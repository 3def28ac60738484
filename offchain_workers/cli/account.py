# SPDX-License-Identifier: Apache-2.0
"""`fusion account`: encrypted keystores. A private key is never an argument nor printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run, command

group = typer.Typer(no_args_is_help=True, help="Make and list encrypted keystores.")

_LABELS = {"name": "Name", "address": "Address", "path": "Keystore"}


@command(group, "new")
def new(
    run: Run, name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9, '-' and '_'.")]
) -> None:
    """Make a new key, encrypted with a password.

    The password comes from a hidden prompt, account.password_file or FUSION_PASSWORD.
    """
    from offchain_workers import keys, passwords

    settings = run.settings().account
    keys.check_free(settings.folder, name)
    password = passwords.read_password(
        settings.password_file, f"Password for the new account {name}", confirm=True
    )
    _show(run, keys.create(settings.folder, name, password))


@command(group, "show")
def show(
    run: Run,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Name or file (default: account.keystore)."),
    ] = None,
) -> None:
    """Show an account's address. No password needed."""
    from offchain_workers import keys

    settings = run.settings({"account": {"keystore": name}} if name else None).account
    _show(run, keys.describe(keys.find(settings.folder, settings.keystore)))


@command(group, "list")
def list_accounts(run: Run) -> None:
    """List the accounts in the keystore folder."""
    from offchain_workers import keys

    folder = run.settings().account.folder
    found = [_data(keystore) for keystore in keys.list_keystores(folder)]
    empty = f"no accounts in {folder}; make one with: fusion account new NAME"
    emit(run, {"accounts": found}, lambda: table(found, _LABELS) if found else empty)


def _show(run: Run, keystore: Any) -> None:
    data = _data(keystore)
    emit(run, data, lambda: fields(data, _LABELS))


def _data(keystore: Any) -> dict[str, Any]:
    return {"name": keystore.name, "address": keystore.address, "path": str(keystore.path)}
