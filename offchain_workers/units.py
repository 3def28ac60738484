# SPDX-License-Identifier: Apache-2.0
"""Amounts and durations as people write them: ``0.01 ether``, ``5 gwei``, ``90s``, ``1h30m``."""

from __future__ import annotations

import re

from offchain_workers.errors import FusionError

DECIMALS = {"wei": 0, "gwei": 9, "ether": 18}
UINT256_MAX = 2**256 - 1
SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))? ?([a-zA-Z]+)", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_MAX_DIGITS = 100  # longer input can't be a uint256 in any unit, and int() of huge text is slow


class Wei(int):
    """An amount of native coin in wei. JSON output shows it as a decimal string."""


def parse_amount(text: str) -> Wei:
    """Wei for ``NUMBER UNIT``, the unit being wei, gwei or ether.

    Raises MN-CLI-001: no unit, an unknown unit, a fraction of a wei, negative, above uint256.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or len(text) > _MAX_DIGITS:
        raise _bad_amount(text, "write a number and a unit: '0.01 ether', '5 gwei' or '1000 wei'")
    whole, fraction, unit = match[1], match[2] or "", match[3].lower()
    if unit not in DECIMALS:
        raise _bad_amount(text, f"unknown unit '{unit}', use wei, gwei or ether")
    fraction = fraction.rstrip("0")
    if len(fraction) > DECIMALS[unit]:
        raise _bad_amount(text, "finer than one wei")
    wei = int(whole + fraction.ljust(DECIMALS[unit], "0"))
    if wei > UINT256_MAX:
        raise _bad_amount(text, "larger than a uint256")
    return Wei(wei)


def format_amount(wei: int) -> str:
    """The exact amount in the unit that reads best; ``parse_amount`` gives the same wei back."""
    unit = _best_unit(wei)
    decimals = DECIMALS[unit]
    whole, rest = divmod(wei, 10**decimals)
    fraction = str(rest).rjust(decimals, "0").rstrip("0") if rest else ""
    return f"{whole}.{fraction} {unit}" if fraction else f"{whole} {unit}"


def parse_duration(text: str) -> int:
    """Seconds for ``90s``, ``10m``, ``2h``, ``1d`` or a mix such as ``1h30m``.

    Raises MN-CLI-002: no unit, an unknown unit, units out of order.
    """
    stripped = text.strip()
    match = _DURATION.fullmatch(stripped)
    if match is None or not stripped or len(stripped) > _MAX_DIGITS:
        raise FusionError(
            "MN-CLI-002",
            f"{text[:40]!r} is not a duration: write a number and a unit, such as 90s, 10m or 2h",
        )
    return sum(int(n or 0) * size for n, size in zip(match.groups(), SECONDS.values(), strict=True))


def format_duration(seconds: int) -> str:
    """``5400`` as ``1h30m``; ``parse_duration`` gives the same seconds back."""
    parts = []
    for unit, size in SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _best_unit(wei: int) -> str:
    if wei >= 10**14:
        return "ether"
    return "gwei" if wei >= 10**6 else "wei"


def _bad_amount(text: str, reason: str) -> FusionError:
    return FusionError("MN-CLI-001", f"{text[:40]!r} is not an amount: {reason}")
