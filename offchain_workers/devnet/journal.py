# SPDX-License-Identifier: Apache-2.0
"""The embedded chain on disk: one JSON line a block, replayed at start to the same state roots."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import FusionError

FORMAT = 1


class Entry(BaseModel):
    """What is needed to mine a block again, and the hash that must come out."""

    number: int
    hash: str
    timestamp: int
    offset: int
    transactions: list[str] = []
    balances: dict[str, int] = {}


class Reverted(BaseModel):
    """Every block above this height is gone."""

    revert_to: int


class Header(BaseModel):
    """First line of the file: the chain that it belongs to."""

    format: int
    chain_id: int
    genesis_time: int


_LINE: TypeAdapter[Entry | Reverted] = TypeAdapter(Entry | Reverted)


class Journal:
    """An append-only file."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header

    @classmethod
    def open(cls, path: Path, fresh: Header) -> tuple[Journal, list[Entry]]:
        """The journal at `path`, begun with `fresh` when there is none, and its live blocks."""
        if not path.exists() or path.stat().st_size == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fresh.model_dump_json() + "\n")
            return cls(path, fresh), []
        header, entries = _load(path)
        if (header.format, header.chain_id) != (fresh.format, fresh.chain_id):
            raise FusionError(
                "MN-DEV-005",
                f"{path} holds chain {header.chain_id} in format {header.format}; "
                f"this is chain {fresh.chain_id}, format {fresh.format}",
            )
        return cls(path, header), entries

    def append(self, entry: Entry) -> None:
        """Write a block; called before anyone is told of it."""
        self._write(entry)

    def truncate(self, height: int) -> None:
        """Write that the chain went back to `height`."""
        self._write(Reverted(revert_to=height))

    def _write(self, line: BaseModel) -> None:
        with self.path.open("a") as file:
            file.write(line.model_dump_json() + "\n")


def _load(path: Path) -> tuple[Header, list[Entry]]:
    text = path.read_text()
    if not text.endswith("\n"):
        # The writer died in the middle of a line; nobody has heard of that block.
        text = text[: text.rfind("\n") + 1]
        path.write_text(text)
    lines = text.splitlines()
    try:
        header = Header.model_validate_json(lines[0])
        entries: list[Entry] = []
        for line in lines[1:]:
            record = _LINE.validate_json(line)
            if isinstance(record, Reverted):
                del entries[record.revert_to :]
            else:
                entries.append(record)
    except (IndexError, ValidationError) as error:
        raise FusionError("MN-DEV-004", f"{path} is not a chain journal") from error
    return header, entries
