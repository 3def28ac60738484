# SPDX-License-Identifier: Apache-2.0
"""One inference over HTTP: a body in, a body out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive

from offchain_workers.errors import FusionError
from offchain_workers.oip import JSON_LENGTH, OipFormatError, join, read_tensors, split
from offchain_workers.oip.outputs import Wanted
from offchain_workers.serving.errors import BodyTooLargeError, status_of
from offchain_workers.serving.model import ServedModel

Headers = list[tuple[bytes, bytes]]

_JSON, _BINARY = b"application/json", b"application/octet-stream"
_LENGTH = JSON_LENGTH.encode()
_RETRY_SECONDS = b"1"


class Reply(NamedTuple):
    """A response: status, headers in lower case, body."""

    status: int
    headers: Headers
    data: bytes


async def answered(
    model: ServedModel, headers: Sequence[tuple[bytes, bytes]], receive: Receive
) -> Reply:
    """The model's answer to the request that ``receive`` gives. Raises FusionError."""
    data = await _body(receive, model.max_body)
    body = split(data, _json_length(headers))
    wanted = Wanted.of(body.tree, model.output_names)
    outputs = await model.infer(read_tensors(body.tree.get("inputs"), body.tail))
    entries, tails = wanted.entries(outputs)
    tree = {"model_name": model.name, "model_version": model.card.version, "outputs": entries}
    if (name := body.tree.get("id")) is not None:
        tree["id"] = name
    found, json_length = join(tree, tails)
    if json_length is None:
        return Reply(200, _headers(_JSON, found), found)
    extra = (_LENGTH, str(json_length).encode())
    return Reply(200, [*_headers(_BINARY, found), extra], found)


def failed(error: FusionError) -> Reply:
    """An error as clients see it."""
    status = status_of(error)
    reply = json_reply({"error": f"{error.code}: {error.message}", "code": error.code}, status)
    if status == 503:
        reply.headers.append((b"retry-after", _RETRY_SECONDS))
    return reply


def json_reply(tree: Any, status: int = 200) -> Reply:
    """Anything that JSON can say."""
    data = orjson.dumps(tree)
    return Reply(status, _headers(_JSON, data), data)


def _headers(kind: bytes, data: bytes) -> Headers:
    return [(b"content-type", kind), (b"content-length", str(len(data)).encode())]


def _json_length(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == _LENGTH), None)


async def _body(receive: Receive, limit: int) -> bytes:
    """Raises BodyTooLargeError, OipFormatError when the client leaves before it is whole."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise OipFormatError("the connection ended within the body")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(f"the body has more than {limit} bytes")
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
