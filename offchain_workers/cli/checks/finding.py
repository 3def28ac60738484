# SPDX-License-Identifier: Apache-2.0
"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offchain_workers.errors import FusionError
from offchain_workers.redact import redact


class Level(StrEnum):
    """``fail`` stops some role from working; ``warn`` will hurt one day, or only some roles."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of `fusion doctor`."""

    check: str
    level: Level
    message: str
    code: str | None = None
    hint: str | None = None


def ok(check: str, message: str) -> Finding:
    return Finding(check, Level.OK, message)


def warn(check: str, code: str, message: str, hint: str) -> Finding:
    return Finding(check, Level.WARN, message, code, hint)


def fail(check: str, code: str, message: str, hint: str) -> Finding:
    return Finding(check, Level.FAIL, message, code, hint)


def broken(check: str, error: FusionError, hint: str, level: Level = Level.FAIL) -> Finding:
    """An error met by a check."""
    return Finding(check, level, redact(error.message), error.code, hint)
