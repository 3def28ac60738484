# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between a relay, the workers that dialled in, and those who ask for them."""

from __future__ import annotations

from http import HTTPStatus

from offchain_workers.errors import FusionError


class RelayError(FusionError):
    """A request that the relay answers itself: a code, one line, and the HTTP status for it."""

    def __init__(
        self, code: str, message: str, status: HTTPStatus, retry_after: int | None = None
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after


class LoginRefusedError(FusionError):
    """A worker that may not connect, or a relay that a worker does not trust."""


class ProtocolError(FusionError):
    """A peer that breaks the rules of the frames; its connection ends."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-RELAY-010", message)


class StreamBrokenError(FusionError):
    """The other side gave this exchange up, or its connection is gone."""

    def __init__(self, message: str) -> None:
        super().__init__("MN-RELAY-011", message)


def bad_request(message: str) -> RelayError:
    return RelayError("MN-RELAY-001", message, HTTPStatus.BAD_REQUEST)


def not_connected(operator: str) -> RelayError:
    line = f"the worker of {operator} is not connected to this relay now"
    return RelayError("MN-RELAY-002", line, HTTPStatus.SERVICE_UNAVAILABLE, retry_after=5)


def busy(message: str, retry_after: int) -> RelayError:
    return RelayError("MN-RELAY-003", message, HTTPStatus.TOO_MANY_REQUESTS, retry_after)


def too_large(most: int) -> RelayError:
    line = f"this relay carries at most {most} bytes"
    return RelayError("MN-RELAY-004", line, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def too_slow() -> RelayError:
    line = "the request took too long to arrive"
    return RelayError("MN-RELAY-005", line, HTTPStatus.REQUEST_TIMEOUT)


def no_answer(message: str) -> RelayError:
    return RelayError("MN-RELAY-006", message, HTTPStatus.BAD_GATEWAY)


def late_answer() -> RelayError:
    line = "the worker did not answer in time"
    return RelayError("MN-RELAY-007", line, HTTPStatus.GATEWAY_TIMEOUT)
