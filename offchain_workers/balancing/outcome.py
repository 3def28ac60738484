# SPDX-License-Identifier: Apache-2.0
"""How an attempt ended, and what that says about the target.

The Open Inference Protocol's servers answer bad input with 500, and some reset the connection: a
breaker that counted those would let one user eject every honest provider.
"""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus

import httpx


class Outcome(StrEnum):
    """``cancelled``: ended by us, or for a reason that says nothing about the target."""

    OK = "ok"
    BAD_INPUT = "bad_input"
    CANCELLED = "cancelled"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    UNAVAILABLE = "unavailable"
    CANARY_FAILED = "canary_failed"


# No byte of an input was read when these came: they are the target's own.
CERTAIN = frozenset({Outcome.CONNECT, Outcome.UNAVAILABLE})
# An input can cause these, also on one honest target and not on another, which is faster or has
# more memory. Who ends so on an input that another answers is in doubt: it looks slow.
SUSPECT = frozenset({Outcome.TIMEOUT, Outcome.RESET, Outcome.BAD_INPUT})
# They count as failures where the caller knows that the input was good.
FAILED = frozenset({Outcome.TIMEOUT, Outcome.RESET})

_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)
_BUSY = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
# A proxy's words for a server that hung up or never answered.
_GATEWAY = {
    HTTPStatus.BAD_GATEWAY: Outcome.RESET,
    HTTPStatus.GATEWAY_TIMEOUT: Outcome.TIMEOUT,
}


def outcome_of_status(status: int) -> Outcome:
    """The outcome of an HTTP answer. 500 is bad input: see above."""
    if status < HTTPStatus.BAD_REQUEST:
        return Outcome.OK
    if status in _BUSY:
        return Outcome.UNAVAILABLE
    return next((found for code, found in _GATEWAY.items() if code == status), Outcome.BAD_INPUT)


def outcome_of_error(error: BaseException) -> Outcome:
    """The outcome of an exception of httpx; ``cancelled`` for any other."""
    if isinstance(error, httpx.HTTPStatusError):
        return outcome_of_status(error.response.status_code)
    if isinstance(error, _NOT_CONNECTED):
        return Outcome.CONNECT
    if isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout)):
        return Outcome.TIMEOUT
    if isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
        return Outcome.RESET
    return Outcome.CANCELLED
