# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and what people may write for them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from offchain_workers.errors import FusionError
from offchain_workers.units import Wei, parse_amount

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import Tier

_ID = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*%", re.ASCII)
_UINT96 = 2**96

Signer = Annotated[
    str | None,
    typer.Option(
        "--account", metavar="NAME", help="Keystore that signs (default: account.keystore)."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", metavar="ADDRESS", help="An ERC-20 token (default: the chain's own coin)."
    ),
]
ModelRef = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Id, the first digits of one (0x...), or name."),
]
Method = Annotated[
    str, typer.Option("--method", metavar="NAME", help="Verification method: none, zkml, ...")
]
Region = Annotated[
    int, typer.Option("--region", metavar="N", help="Region, 1 to 255; 0 means none or any.")
]
Members = Annotated[int, typer.Option(min=1, max=8, help="Members of the subnet.")]


class TierName(StrEnum):
    """Tiers as they are written on the command line."""

    WEB2_CLOUD = "web2_cloud"
    WEB3_SHARE = "web3_share"
    VIRTUAL_NODE = "virtual_node"

    @property
    def tier(self) -> Tier:
        from offchain_workers.chain.contracts import Tier

        return Tier[self.name]


def address(text: str) -> str:
    """A checksummed address. Raises MN-CLI-003."""
    from offchain_workers.config.values import check_address

    try:
        return check_address(text)
    except ValueError as error:
        raise FusionError("MN-CLI-003", f"{text[:80]!r} is not an address: {error}") from None


def token_address(text: str | None) -> str:
    """The zero address for the chain's own coin."""
    return address(text) if text else "0x" + "00" * 20


def identifier(text: str, kind: str) -> bytes:
    """32 bytes. Raises MN-CLI-004."""
    match = _ID.fullmatch(text)
    if match is None:
        raise FusionError(
            "MN-CLI-004", f"{text[:80]!r} is not the id of a {kind}: write 0x and 64 hex digits"
        )
    return bytes.fromhex(match[1])


def basis_points(text: str) -> int:
    """``5%`` or ``2.5%`` as 500 or 250. Raises MN-CLI-005."""
    match = _PERCENT.fullmatch(text.strip())
    points = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else None
    if points is None or points > 10_000:
        raise FusionError(
            "MN-CLI-005", f"{text[:40]!r} is not a share: write 0% to 100%, such as 5% or 2.5%"
        )
    return points


def amount(text: str, token: str | None) -> int:
    """Wei, or base units of a token: a whole number without a unit. Raises MN-CLI-001."""
    if token is None:
        return parse_amount(text)
    if not text.isascii() or not text.isdigit() or len(text) > 78:
        raise FusionError(
            "MN-CLI-001",
            f"{text[:40]!r} is not an amount of a token: write a whole number of its base units",
        )
    return int(text)


def positive(value: int, what: str) -> int:
    """``value``. Raises MN-CLI-006 for zero."""
    if value <= 0:
        raise FusionError("MN-CLI-006", f"{what} must be more than zero")
    return value


def price(text: str, token: str | None) -> int:
    """A price that an offer can carry. Raises MN-CLI-001, MN-CLI-006."""
    found = amount(text, token)
    if found >= _UINT96:
        raise FusionError("MN-CLI-006", f"a price must be below 2**96 base units, not {found}")
    return found


def region(number: int) -> int:
    """Raises MN-CLI-006."""
    if not 0 <= number <= 255:
        raise FusionError("MN-CLI-006", f"a region is a number from 0 to 255, not {number}")
    return number


def coin(value: int, token: str | None) -> int:
    """For tables: wei are shown in their unit, a token's base units as they are."""
    return int(value) if token else Wei(value)
