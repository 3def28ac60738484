# SPDX-License-Identifier: Apache-2.0
"""Files that are named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.models.card import ModelCard


def read(path: Path, most: int | None = None) -> bytes:
    """A file of at most ``most`` bytes. Raises MN-CLI-021."""
    try:
        with path.open("rb") as file:
            data = file.read(-1 if most is None else most + 1)
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {path}: {error.strerror}") from error
    if most is not None and len(data) > most:
        raise FusionError("MN-CLI-021", f"can't read {path}: more than {most >> 20} MiB")
    return data


def write(path: Path, data: bytes) -> None:
    """Raises MN-CLI-021."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't write {path}: {error.strerror}") from error


def read_card(path: Path | None) -> ModelCard | None:
    """None for none. Raises MN-CLI-021, InvalidCardError."""
    from offchain_workers.models import ModelCard

    return None if path is None else ModelCard.from_json(read(path))
