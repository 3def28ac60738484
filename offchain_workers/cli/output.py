# SPDX-License-Identifier: Apache-2.0
"""Results on stdout: a table for people, one JSON document for scripts. Errors on one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offchain_workers.cli.run import Run
from offchain_workers.errors import FusionError
from offchain_workers.redact import redact
from offchain_workers.units import Wei, format_amount

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDE = 240


def emit(run: Run, data: Any, view: Callable[[], RenderableType]) -> None:
    """Print ``data`` as JSON with --json, else what ``view`` makes of it (no rich markup)."""
    if run.as_json:
        print(json.dumps(plain(data), indent=2))
        return
    from rich.console import Console

    # Piped output is not wrapped at 80 columns: scripts grep it.
    width = None if sys.stdout.isatty() else _WIDE
    shown = view()
    Console(width=width, highlight=False, markup=False, emoji=False).print(
        shown, soft_wrap=isinstance(shown, str)
    )


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> RenderableType:
    """A table of ``rows``; ``columns`` maps each row's key to its heading."""
    from rich.table import Table

    view = Table(box=None, pad_edge=False, show_header=any(columns.values()))
    for heading in columns.values():
        view.add_column(heading, overflow="fold")
    for row in rows:
        view.add_row(*(cell(row.get(key)) for key in columns))
    return view


def fields(data: Mapping[str, Any], labels: Mapping[str, str]) -> RenderableType:
    """One record, a line for each field."""
    rows = [{"label": label, "value": data.get(key)} for key, label in labels.items()]
    return table(rows, {"label": "", "value": ""})


def cell(value: Any) -> str:
    """A value as people read it: amounts in their unit."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Wei):
        return format_amount(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(item) for item in value)
    return printable("0x" + value.hex() if isinstance(value, bytes) else str(value))


def moment(timestamp: int) -> str:
    """Unix seconds as people read them."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def printable(text: str) -> str:
    """Names and messages come from strangers: no escape sequence of theirs reaches a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def plain(value: Any) -> Any:
    """``value`` as JSON has it: amounts as strings of wei, bytes as 0x hex."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(item) for item in value]
    if isinstance(value, (Wei, Path)):
        return str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    return value


def show_error(run: Run, error: FusionError) -> None:
    """The error, without secrets: on stderr as one line, with --json on stdout."""
    message = printable(" ".join(redact(error.message).split()))
    if run.as_json:
        print(json.dumps({"error": {"code": error.code, "message": message}}))
    else:
        print(f"error {error.code}: {message}", file=sys.stderr)
