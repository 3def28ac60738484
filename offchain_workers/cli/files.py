# SPDX-License-Identifier: Apache-2.0
"""Files that are named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.models.card import ModelCard


def read(path: Path) -> bytes:
    """Raises MN-CLI-021."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FusionError("MN-CLI-021", f"can't read {path}: {error.strerror}") from error


def read_card(path: Path | None) -> ModelCard | None:
    """None for none. Raises MN-CLI-021, InvalidCardError."""
    from offchain_workers.models import ModelCard

    return None if path is None else ModelCard.from_json(read(path))
