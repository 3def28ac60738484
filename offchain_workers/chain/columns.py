# SPDX-License-Identifier: Apache-2.0
"""Column types: byte strings as hex, integers of any size, event arguments as JSON."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_BYTES = "0x"


class Hex(TypeDecorator[bytes]):
    """bytes in Python, ``0x...`` text in the database, so that a person can read it there."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else "0x" + bytes(value).hex()

    def process_result_value(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value[2:])


class BigInt(TypeDecorator[int]):
    """An int of any size: wei don't fit the 64 bits of a database integer."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Args(TypeDecorator[dict[str, Any]]):
    """Decoded ABI values: bytes survive as ``{"0x": hex}``, tuples come back as lists."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, default=_tag, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else json.loads(value, object_hook=_untag)


def _tag(value: object) -> dict[str, str]:
    if isinstance(value, (bytes, bytearray)):
        return {_BYTES: bytes(value).hex()}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _untag(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value[_BYTES]) if value.keys() == {_BYTES} else value
