# SPDX-License-Identifier: Apache-2.0
"""A message is a JSON object and some blobs, each a frame of the connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from verifiers.teeml.errors import EnclaveProtocolError

MOST_BLOBS = 4
_MOST_HEAD = 1 << 20
_MOST_BYTES = 1 << 30


class Message(NamedTuple):
    """``head``: JSON's values; ``blobs``: as they are."""

    head: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


def send(connection: Connection[Any, Any], head: dict[str, Any], *blobs: bytes) -> None:
    """Raises OSError when the other side is gone."""
    connection.send_bytes(json.dumps(head | {"blobs": len(blobs)}).encode())
    for blob in blobs:
        connection.send_bytes(blob)


def receive(connection: Connection[Any, Any]) -> Message:
    """Raises EOFError, OSError when the other side is gone, EnclaveProtocolError for nonsense."""
    try:
        head = json.loads(connection.recv_bytes(_MOST_HEAD))
        count = int(head.pop("blobs"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnclaveProtocolError("a message to or from the enclave can't be read") from error
    if not 0 <= count <= MOST_BLOBS:
        raise EnclaveProtocolError(f"{count} blobs in a message, at most {MOST_BLOBS}")
    return Message(head, tuple(_blobs(connection, count)))


def _blobs(connection: Connection[Any, Any], count: int) -> Sequence[bytes]:
    return [connection.recv_bytes(_MOST_BYTES) for _ in range(count)]
