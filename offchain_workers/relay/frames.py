# SPDX-License-Identifier: Apache-2.0
"""What goes over the WebSocket: binary messages of kind (1 byte), stream (4 bytes), payload.

A stream is one HTTP exchange. The relay opens it with OPEN (the request's head), the worker answers
with HEAD (the response's); both send DATA as far as they have CREDIT, then END. Either may RESET.
PING has no answer: each side sends its own, and whatever arrives shows that the other lives.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from offchain_workers.relay.errors import ProtocolError

MAX_PAYLOAD = 32_768
# Bytes that a side may send on a stream before the other has taken any: what a stream can cost.
WINDOW = 8 * MAX_PAYLOAD

_HEADER = struct.Struct(">BI")
_CREDIT = struct.Struct(">I")
MAX_FRAME = _HEADER.size + MAX_PAYLOAD


class Kind(IntEnum):
    """OPEN goes from the relay to the worker only, HEAD from the worker to the relay only."""

    OPEN = 1
    HEAD = 2
    DATA = 3
    END = 4
    RESET = 5
    CREDIT = 6
    PING = 7


def pack(kind: Kind, stream: int, payload: bytes = b"") -> bytes:
    """One message."""
    return _HEADER.pack(kind, stream) + payload


def unpack(message: bytes) -> tuple[Kind, int, bytes]:
    """Raises ProtocolError."""
    if not _HEADER.size <= len(message) <= MAX_FRAME:
        raise ProtocolError(f"a frame of {len(message)} bytes")
    kind, stream = _HEADER.unpack_from(message)
    try:
        return Kind(kind), stream, message[_HEADER.size :]
    except ValueError:
        raise ProtocolError(f"a frame of kind {kind}") from None


def pack_credit(stream: int, count: int) -> bytes:
    """``count``: bytes that the other side may send more."""
    return pack(Kind.CREDIT, stream, _CREDIT.pack(count))


def read_credit(payload: bytes) -> int:
    """Raises ProtocolError."""
    if len(payload) != _CREDIT.size:
        raise ProtocolError("a credit that is not four bytes")
    return int(_CREDIT.unpack(payload)[0])
