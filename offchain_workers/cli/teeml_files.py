# SPDX-License-Identifier: Apache-2.0
"""What the commands of `fusion teeml` read from files."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offchain_workers.cli import files
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from verifiers.teeml.collateral import Collateral

# Larger than any of what is read: a hundred times the largest quote.
_MOST_BYTES = 1 << 24

QuoteFile = Annotated[
    Path,
    typer.Option(
        "--quote", metavar="FILE", help="The quote: binary, hexadecimal, base64 or in JSON."
    ),
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
    """As a file has it: its bytes, their hexadecimal digits with or without 0x, base64, or either
    of these as ``quote`` in a JSON object, which is what dstack's agent answers."""
    data = read_file(path)
    text = data.strip()
    if text.startswith(b"{"):
        text = _member(text)
    with suppress(ValueError):
        return bytes.fromhex(text.decode("ascii").removeprefix("0x"))
    with suppress(ValueError):
        return base64.b64decode(b"".join(text.split()), validate=True)
    return data


def _member(text: bytes) -> bytes:
    try:
        found = json.loads(text)["quote"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
    return found.strip().encode() if isinstance(found, str) else text


def read_file(path: Path) -> bytes:
    """Raises MN-CLI-021."""
    return files.read(path, _MOST_BYTES)


def collateral_of(path: Path, quote: bytes = b"") -> Collateral:
    """Of a file or a folder; of ``quote`` the CA's chain when it lacks one. Raises MN-CLI-021,
    MN-TEE-003."""
    from verifiers.teeml.errors import TeeError
    from verifiers.teeml.layouts import read_collateral
    from verifiers.teeml.quote import Quote

    spare = b""
    with suppress(TeeError):
        spare = Quote.parse(quote).chain.rstrip(b"\0")
    try:
        return read_collateral(path, spare)
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {path}: {error.strerror}") from error
