# SPDX-License-Identifier: Apache-2.0
"""JSON that strangers wrote: whatever it holds, it is read or there is one kind of error."""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 1 << 20
# What reading a tree of unknown shape by its expected names and types can raise.
MISSHAPEN = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


def tree(data: bytes, most: int = MOST_BYTES) -> dict[str, Any]:
    """A JSON object. Raises ValueError, also for what is too long or nested too deeply."""
    if len(data) > most:
        raise ValueError(f"{len(data)} bytes, at most {most}")
    try:
        found = json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def whole(value: Any, least: int, most: int) -> int:
    """A whole number, written as one, within bounds. Raises ValueError."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:40]!r} is no whole number from {least} to {most}")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
