# SPDX-License-Identifier: Apache-2.0
"""One HTTP endpoint: bounded requests, and what we know about its health."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import httpx

from offchain_workers.redact import redact, redact_url

MAX_RESPONSE = 64 * 1024 * 1024
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 60.0
# A liar comes back much later than a host that was merely down.
_LIE_BACKOFF = 600.0
_DOWN_STATUS = {401, 403, 404, 408, 429}


class Fault(StrEnum):
    """Why an endpoint is in quarantine."""

    DOWN = "down"
    GARBAGE = "garbage"
    WRONG_CHAIN = "wrong chain"
    LAG = "lag"
    LIE = "lie"


class EndpointFaultError(Exception):
    """One endpoint failed us. Stays inside the pool, which quarantines it and asks another."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault = fault
        self.why = why


@dataclass(frozen=True)
class EndpointHealth:
    """A row of ``fusion doctor``. ``lag`` is in blocks; ``retry_in`` in seconds."""

    url: str
    state: str
    height: int | None
    lag: int | None
    last_error: str | None
    retry_in: float | None


class Endpoint:
    """One URL. Thread-safe; ``ask`` never waits longer than ``timeout`` seconds in all."""

    def __init__(self, url: str, timeout: float) -> None:
        self.name = redact_url(url)
        self.height: int | None = None
        self.chain_id: int | None = None
        self.fault: Fault | None = None
        self.last_error: str | None = None
        self.lies = 0
        self.suspect = False
        self._strikes = 0
        self._took = 0.0
        self._retry_at = 0.0
        self._batches = True
        self._timeout = timeout
        self._url = url
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._client = httpx.Client(timeout=timeout, headers={"content-type": "application/json"})

    @property
    def healthy(self) -> bool:
        return self.fault is None

    @property
    def due(self) -> bool:
        """In quarantine, and its backoff is over."""
        return self.fault is not None and time.monotonic() >= self._retry_at

    def ask(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        """The JSON-RPC response: holds ``result`` or ``error``. Raises EndpointFaultError."""
        request = self._request(method, params)
        return _response(self._exchange(request), request["id"])

    def ask_all(self, method: str, many: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """The responses to several requests, in order; one batch where the endpoint takes batches.

        What it refuses in a batch is asked again alone. Raises EndpointFaultError.
        """
        if len(many) < 2 or not self._batches:
            return [self.ask(method, params) for params in many]
        requests = [self._request(method, params) for params in many]
        answers = self._exchange(requests)
        if not isinstance(answers, list):
            self._batches = False
            return self.ask_all(method, many)
        by_id = {str(answer.get("id")): answer for answer in answers if isinstance(answer, dict)}
        responses = [_response(by_id.get(str(one["id"])), one["id"]) for one in requests]
        return [
            response if "result" in response else self.ask(method, params)
            for response, params in zip(responses, many, strict=True)
        ]

    def _request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        number = next(self._ids)
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}

    def _exchange(self, content: object) -> Any:
        started = time.monotonic()
        try:
            status, body = self._post(json.dumps(content).encode())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EndpointFaultError(
                Fault.DOWN, redact(f"{type(error).__name__}: {error}")
            ) from error
        finally:
            self._took = time.monotonic() - started
        if status in _DOWN_STATUS or status >= 500:
            raise EndpointFaultError(Fault.DOWN, f"HTTP status {status}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise EndpointFaultError(Fault.GARBAGE, "the answer is not JSON") from error

    def quarantine(self, fault: Fault, why: str) -> None:
        with self._lock:
            self.fault, self.last_error = fault, f"{fault}: {why}"
            self.lies += fault is Fault.LIE
            self._strikes += 1
            # An endpoint that stalls costs its time again at each probe: ask it less often.
            down = _FIRST_BACKOFF + 3 * self._took
            start = _LIE_BACKOFF if fault is Fault.LIE else down
            limit = max(start, _LONGEST_BACKOFF)
            self._retry_at = time.monotonic() + min(limit, start * 2 ** min(self._strikes - 1, 16))

    def release(self) -> None:
        """Back to work after a probe that went well."""
        with self._lock:
            self.fault = None

    def worked(self) -> None:
        """A healthy endpoint gave a good answer: the next backoff starts small again."""
        if self._strikes and self.healthy:
            with self._lock:
                self._strikes = 0

    def health(self, best: int | None) -> EndpointHealth:
        lag = None if self.height is None or best is None else best - self.height
        return EndpointHealth(
            url=self.name,
            state="ok" if self.fault is None else f"quarantined ({self.fault})",
            height=self.height,
            lag=lag,
            last_error=self.last_error,
            retry_in=None if self.fault is None else max(0.0, self._retry_at - time.monotonic()),
        )

    def close(self) -> None:
        self._client.close()

    def _post(self, content: bytes) -> tuple[int, bytes]:
        """httpx limits each read; a host that drips bytes would hold us for ever without this."""
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        with self._client.stream("POST", self._url, content=content) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
                if len(body) > MAX_RESPONSE:
                    raise EndpointFaultError(Fault.GARBAGE, "the answer is too large")
        return response.status_code, bytes(body)


def quantity(result: object) -> int:
    """A JSON-RPC quantity. Raises EndpointFaultError."""
    try:
        return int(cast(str, result), 16)
    except (TypeError, ValueError) as error:
        raise EndpointFaultError(Fault.GARBAGE, f"{result!r} is no quantity") from error


def _response(answer: Any, wanted: object) -> dict[str, Any]:
    if not isinstance(answer, dict) or not ("result" in answer or _is_error(answer)):
        raise EndpointFaultError(Fault.GARBAGE, "the answer is not JSON-RPC")
    # Some servers answer a request that they could not read with id null.
    if "result" in answer and str(answer.get("id")) != str(wanted):
        raise EndpointFaultError(Fault.GARBAGE, "the answer carries another id")
    return answer


def _is_error(answer: dict[str, Any]) -> bool:
    return isinstance(answer.get("error"), dict)
