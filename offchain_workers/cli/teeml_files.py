# SPDX-License-Identifier: Apache-2.0
"""What the commands of `fusion teeml` read from files."""

from __future__ import annotations

import base64
import codecs
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
# Base64's other alphabet, made into the usual one.
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

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
    """As a file has it: its bytes, their hexadecimal digits with or without 0x, base64 of either
    alphabet, or one of these in JSON: alone, or as ``quote``, which is what dstack's agent answers,
    or ``intel_quote`` in an object."""
    data = read_file(path)
    text = data.removeprefix(codecs.BOM_UTF8).strip()
    if text.startswith((b"{", b'"')):
        text = _member(text)
    with suppress(ValueError):
        return bytes.fromhex(text.decode("ascii").removeprefix("0x").removeprefix("0X"))
    with suppress(ValueError):
        plain = b"".join(text.split()).rstrip(b"=").translate(_URL_SAFE)
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    return data


def _member(text: bytes) -> bytes:
    try:
        found = json.loads(text)
        if isinstance(found, dict):
            found = found.get("quote", found.get("intel_quote"))
    except (ValueError, RecursionError):
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
