# SPDX-License-Identifier: Apache-2.0
"""Heads of requests and responses: what may pass, and nothing else.

Both directions have a list of the headers that pass. Hop-by-hop headers, cookies, credentials and
addresses never do; nor does what would let one worker speak for the relay's whole origin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from offchain_workers.relay.errors import ProtocolError, RelayError, bad_request

Headers = list[tuple[bytes, bytes]]

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})
_REQUEST = frozenset(
    b"accept accept-encoding content-encoding content-length content-type idempotency-key "
    b"if-none-match inference-header-content-length range user-agent".split()
)
_RESPONSE = frozenset(
    b"accept-ranges cache-control content-encoding content-length content-range content-type etag "
    b"inference-header-content-length last-modified retry-after".split()
)
# Many workers share the relay's origin: no answer of theirs may run in a browser.
_GUARDS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
]
_VALUE = re.compile(rb"[\x20-\x7e\t]{0,4096}")
# No percent signs: whatever two servers could read differently is refused.
_PATH = re.compile(r"(/[A-Za-z0-9_~@:+.-]+)+")
_QUERY = re.compile(rb"[\x21-\x7e]{0,2048}")
_MAX_PATH = 1_024


@dataclass(frozen=True)
class Request:
    """``path`` begins with a slash; ``query`` without its question mark."""

    method: str
    path: str
    query: bytes
    headers: Headers

    def pack(self) -> bytes:
        head = {"method": self.method, "path": self.path, "query": self.query.decode("ascii")}
        return json.dumps(head | {"headers": _texts(self.headers)}).encode()

    @classmethod
    def unpack(cls, payload: bytes) -> Request:
        """The worker's side; a relay is not trusted either. Raises ProtocolError."""
        head = _read(payload, ("method", "path", "query", "headers"))
        try:
            query = head["query"].encode("ascii")
            check_request(head["method"], head["path"], query)
            return cls(head["method"], head["path"], query, _passing(head["headers"], _REQUEST))
        except (RelayError, AttributeError, ValueError, TypeError) as error:
            raise ProtocolError("a request's head that can't be read") from error


@dataclass(frozen=True)
class Response:
    """``length``: as announced; None when it was not."""

    status: int
    headers: Headers
    length: int | None

    @classmethod
    def unpack(cls, payload: bytes) -> Response:
        """The relay's side. Raises ProtocolError."""
        head = _read(payload, ("status", "headers"))
        status = head["status"]
        if type(status) is not int or not 200 <= status <= 599:
            raise ProtocolError("a response with no final status")
        headers = _passing(head["headers"], _RESPONSE)
        return cls(status, headers + _GUARDS, announced(headers))


def pack_response(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """What the worker sends of its answer's head."""
    return json.dumps({"status": status, "headers": _texts(headers)}).encode()


def request_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Those of a client's headers that pass. Raises MN-RELAY-001."""
    try:
        return _checked(headers, _REQUEST)
    except ProtocolError as error:
        raise bad_request(error.message) from error


def check_request(method: str, path: str, query: bytes) -> None:
    """Raises MN-RELAY-001."""
    if method not in METHODS:
        raise bad_request("the method may be GET, HEAD, PUT, POST or DELETE")
    steps = path.split("/")
    if not _PATH.fullmatch(path) or len(path) > _MAX_PATH or "." in steps or ".." in steps:
        raise bad_request("the path may have letters, digits, and _ ~ @ : + . - between slashes")
    if not _QUERY.fullmatch(query):
        raise bad_request("the query is too long, or has characters that must be escaped")


def announced(headers: Headers) -> int | None:
    """The body's length. Raises ProtocolError when it is not one number."""
    lengths = [value for name, value in headers if name == b"content-length"]
    if not lengths:
        return None
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 15:
        raise ProtocolError("a length that is not one number")
    return int(lengths[0])


def _passing(pairs: Any, names: frozenset[bytes]) -> Headers:
    """Raises ProtocolError."""
    try:
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    except (AttributeError, ValueError, TypeError) as error:
        raise ProtocolError("headers that can't be read") from error
    return _checked(raw, names)


def _checked(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> Headers:
    passing = [(name.lower(), value) for name, value in headers if name.lower() in names]
    if not all(_VALUE.fullmatch(value) for _, value in passing):
        raise ProtocolError("a header's value is too long, or not plain text")
    if len({name for name, _ in passing}) < len(passing):
        raise ProtocolError("a header that is there twice")
    return passing


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _read(payload: bytes, keys: Iterable[str]) -> dict[str, Any]:
    try:
        head = json.loads(payload)
        return {key: head[key] for key in keys}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolError("a head that can't be read") from error
