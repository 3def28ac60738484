# SPDX-License-Identifier: Apache-2.0
"""Where a keystore's password comes from: the environment, a file or a prompt."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path

import structlog

from offchain_workers.errors import FusionError

VARIABLE = "FUSION_PASSWORD"

_log = structlog.get_logger(__name__)


def read_password(file: Path | None, prompt: str, *, confirm: bool = False) -> str:
    """FUSION_PASSWORD, else the file, else what is typed, hidden (twice with ``confirm``).

    Raises MN-KEY-008 for a file that can't be read, -009 without any source, -010 when the two
    typed passwords differ.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given
    return first_line(file) if file else _typed(prompt, confirm)


def first_line(path: Path) -> str:
    """A secret out of a file; warns when others can read it. Raises MN-KEY-008."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.readline()
    except OSError as error:
        raise FusionError("MN-KEY-008", f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise FusionError("MN-KEY-008", f"{path} is not a text file") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning(f"others can read the secret's file: chmod 600 {path}")
    return text.rstrip("\r\n")


def _typed(prompt: str, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise FusionError(
            "MN-KEY-009",
            f"no password: set account.password_file or {VARIABLE}, or run in a terminal",
        )
    password = getpass.getpass(f"{prompt}: ")
    if confirm and getpass.getpass("Once more: ") != password:
        raise FusionError("MN-KEY-010", "the two passwords differ")
    return password
