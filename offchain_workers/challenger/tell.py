# SPDX-License-Identifier: Apache-2.0
"""What a watcher reports: one flat record for each thing that happened."""

from __future__ import annotations

from typing import Any, Protocol

import structlog

log = structlog.get_logger("offchain_workers.challenger")


class Tell(Protocol):
    """``what`` in one word; values are plain, bytes stand for hex, amounts are ``Wei``."""

    def __call__(self, what: str, **fields: Any) -> None: ...


def quiet(what: str, **fields: Any) -> None:
    """Nobody listens."""


def logged(what: str, **fields: Any) -> None:
    """To the log."""
    log.info(what, **{name: shown(value) for name, value in fields.items()})


def shown(value: Any) -> Any:
    """Bytes as 0x-hex."""
    return "0x" + value.hex() if isinstance(value, bytes) else value
