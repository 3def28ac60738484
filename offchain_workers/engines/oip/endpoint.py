# SPDX-License-Identifier: Apache-2.0
"""One server: requests that end in bytes or in an error that says whose fault it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import orjson

from offchain_workers.engines.oip.errors import (
    AnswerInvalidError,
    EndpointRefusedError,
    EndpointUnavailableError,
    EndpointUnreachableError,
    Fault,
    ModelNotServedError,
)
from offchain_workers.oip import BINARY_EXTENSION, JSON_LENGTH

_MAX_METADATA = 1 << 20
_MAX_LINE = 300
# A compressed answer could unpack past every limit.
_PLAIN = {"accept-encoding": "identity"}
# It is full, or it does not know us: no input's fault.
_UNAVAILABLE = (429, 503, 401, 403, 407)
# A proxy's words for a server that hung up or never answered, which an input may cause.
_GATEWAY: dict[int, Fault] = {502: "reset", 504: "timeout"}
_RESETS = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.CloseError)


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, and for a whole answer to come."""

    connect_seconds: float = 3.0
    answer_seconds: float = 30.0


class Answer(NamedTuple):
    """A good response: its body and the length of the JSON in it, as its header says."""

    data: bytes
    json_length: str | None


@dataclass(frozen=True)
class Facts:
    """What a server says of itself; nothing where it says nothing."""

    name: str = ""
    version: str = ""
    extensions: frozenset[str] = frozenset()

    @property
    def binary(self) -> bool:
        """Whether it takes and gives binary tensors."""
        return BINARY_EXTENSION in self.extensions


class Endpoint:
    """A server at ``url`` (with or without a path); may be used from several threads."""

    def __init__(self, url: str, limits: Limits | None = None, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        limits = limits or Limits()
        self._client = httpx.Client(
            timeout=httpx.Timeout(limits.answer_seconds, connect=limits.connect_seconds),
            headers=_PLAIN | ({"authorization": f"Bearer {token}"} if token else {}),
            trust_env=False,
        )
        self._seconds = limits.answer_seconds

    def facts(self) -> Facts:
        """What GET /v2 says. Raises EndpointError."""
        try:
            tree = self._tree("/v2")
        except (ModelNotServedError, EndpointRefusedError):
            return Facts()  # some clouds serve nothing but models
        extensions = tree.get("extensions")
        found = extensions if isinstance(extensions, list) else []
        return Facts(
            str(tree.get("name", ""))[:64],
            str(tree.get("version", ""))[:64],
            frozenset(name for name in found if isinstance(name, str)),
        )

    def check_ready(self, model: str) -> None:
        """Raises ModelNotServedError, EndpointError."""
        try:
            self._get(f"/v2/models/{model}/ready")
        except EndpointRefusedError as error:
            raise ModelNotServedError(error.message) from None

    def metadata(self, model: str) -> Mapping[str, Any]:
        """The model's metadata, empty where the server has none. Raises EndpointError."""
        try:
            return self._tree(f"/v2/models/{model}")
        except EndpointRefusedError:
            return {}

    def infer(self, model: str, data: bytes, json_length: int | None, max_answer: int) -> Answer:
        """POST a message. A connection that broke is tried anew, once: inference may be repeated.

        Raises EndpointError, or EndpointRefusedError where the input may be at fault.
        """
        headers = {"content-type": "application/json"}
        if json_length is not None:
            headers = {"content-type": "application/octet-stream", JSON_LENGTH: str(json_length)}
        path = f"/v2/models/{model}/infer"
        request = self._client.build_request("POST", self.url + path, content=data, headers=headers)
        try:
            return self._send(request, max_answer)
        except EndpointUnreachableError as error:
            if error.fault != "reset":
                raise
        return self._send(request, max_answer)

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def _tree(self, path: str) -> Mapping[str, Any]:
        try:
            tree = orjson.loads(self._get(path).data)
        except orjson.JSONDecodeError:
            tree = None
        if not isinstance(tree, dict):
            raise AnswerInvalidError(f"{self.url}{path}: the answer is not a JSON object")
        return tree

    def _get(self, path: str) -> Answer:
        return self._send(self._client.build_request("GET", self.url + path), _MAX_METADATA)

    def _send(self, request: httpx.Request, max_answer: int) -> Answer:
        try:
            response = self._client.send(request, stream=True)
            try:
                data = self._read(response, max_answer)
            finally:
                response.close()
        except httpx.ConnectTimeout as error:
            raise self._unreachable("connect", error) from None
        except httpx.TimeoutException as error:
            raise self._unreachable("timeout", error) from None
        except httpx.ConnectError as error:
            raise self._unreachable("connect", error) from None
        except _RESETS as error:
            raise self._unreachable("reset", error) from None
        except httpx.HTTPError as error:
            raise AnswerInvalidError(f"{self.url}: {error}") from None
        if response.status_code != 200:
            raise self._status_error(response.status_code, data)
        return Answer(data, response.headers.get(JSON_LENGTH))

    def _read(self, response: httpx.Response, limit: int) -> bytes:
        coding = response.headers.get("content-encoding", "identity").lower()
        if response.status_code == 200 and coding != "identity":
            raise AnswerInvalidError(f"{self.url}: the answer is compressed, unasked")
        chunks, size = [], 0
        end = time.monotonic() + self._seconds  # however slowly it drips
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > limit:
                raise AnswerInvalidError(f"{self.url}: the answer has more than {limit} bytes")
            if time.monotonic() > end:
                raise httpx.ReadTimeout(f"the answer took over {self._seconds:g} s")
            chunks.append(chunk)
        return b"".join(chunks)

    def _unreachable(self, fault: Fault, error: httpx.HTTPError) -> EndpointUnreachableError:
        return EndpointUnreachableError(fault, f"{self.url}: {str(error) or type(error).__name__}")

    def _status_error(self, status: int, data: bytes) -> Exception:
        line = f"{self.url}: HTTP {status}: {_line(data)}"
        if status in _UNAVAILABLE:
            return EndpointUnavailableError(line)
        if (fault := _GATEWAY.get(status)) is not None:
            return EndpointUnreachableError(fault, line)
        return ModelNotServedError(line) if status == 404 else EndpointRefusedError(line)


def _line(data: bytes) -> str:
    """One line of an error: its JSON's ``error`` or ``detail``, else its text."""
    text = data[:65_536].decode("utf-8", "replace")
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        tree = None
    if isinstance(tree, dict):
        text = str(tree.get("error") or tree.get("detail") or text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MAX_LINE]
