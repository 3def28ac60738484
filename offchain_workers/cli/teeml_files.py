# SPDX-License-Identifier: Apache-2.0
"""What the commands of `fusion teeml` read from files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from offchain_workers.errors import FusionError

QuoteFile = Annotated[
    Path, typer.Option("--quote", metavar="FILE", help="The quote, in binary or hexadecimal.")
]
RootFile = Annotated[
    Path | None,
    typer.Option("--root", metavar="FILE", help="A simulated platform's root, PEM."),
]

At = Annotated[
    int | None, typer.Option("--at", metavar="UNIX", help="The time to judge at (default now).")
]


def moment_of(at: int | None) -> int:
    """Now, unless a time is given."""
    return int(time.time()) if at is None else at


def quote_bytes(path: Path) -> bytes:
    """As a file has it: its bytes, or their hexadecimal digits with or without 0x."""
    data = read_file(path)
    try:
        return bytes.fromhex(data.decode("ascii").strip().removeprefix("0x"))
    except ValueError:
        return data


def read_file(path: Path) -> bytes:
    """Raises MN-CLI-021."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {path}: {error.strerror}") from error
