# SPDX-License-Identifier: Apache-2.0
"""A body: JSON alone, or JSON of a stated length with binary tensors behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from offchain_workers.oip.errors import OipFormatError

# The header that says how many bytes of the body are JSON.
JSON_LENGTH = "inference-header-content-length"
# What GET /v2 lists when a server takes binary tensors.
BINARY_EXTENSION = "binary_tensor_data"
_NUMPY = orjson.OPT_SERIALIZE_NUMPY


class Body(NamedTuple):
    """The JSON object, and the bytes behind it."""

    tree: dict[str, Any]
    tail: memoryview


def split(data: bytes, json_length: str | None) -> Body:
    """A received body; ``json_length`` is the value of the header, None where there is none.

    Raises OipFormatError.
    """
    cut = len(data) if json_length is None else _length(json_length, len(data))
    view = memoryview(data)
    try:
        tree = orjson.loads(view[:cut])
    except orjson.JSONDecodeError as error:
        raise OipFormatError(f"the body is not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise OipFormatError("the body is not a JSON object")
    return Body(tree, view[cut:])


def join(tree: dict[str, Any], tails: Sequence[bytes]) -> tuple[bytes, int | None]:
    """A body to send, and the value of the header; None where all is JSON."""
    head = orjson.dumps(tree, option=_NUMPY)
    return (b"".join((head, *tails)), len(head)) if tails else (head, None)


def _length(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and int(text) <= limit):
        raise OipFormatError(f"{JSON_LENGTH} is no length within the body's {limit} bytes")
    return int(text)
