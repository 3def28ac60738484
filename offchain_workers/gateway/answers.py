# SPDX-License-Identifier: Apache-2.0
"""Errors as HTTP answers, and bodies that may not grow without end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from eth_abi.exceptions import DecodingError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from web3.exceptions import Web3Exception

from offchain_workers.balancing.errors import QuotaError
from offchain_workers.errors import FusionError
from offchain_workers.gateway.errors import (
    BodyTooLargeError,
    ChainNonsenseError,
    GateError,
    NoRouteError,
    RequestUnreadableError,
    UnexpectedError,
)
from offchain_workers.problems import plain

log = structlog.get_logger(__name__)

_LATER_SECONDS = 2
_OF_STATUS: dict[int, type[GateError]] = {
    HTTPStatus.BAD_REQUEST: RequestUnreadableError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: BodyTooLargeError,
}
# First match wins: codes of other areas, as their callers can act on them.
_STATUS = (
    (("MN-CODEC-010", "MN-STORE-002", "MN-REQ-007"), HTTPStatus.NOT_FOUND),
    (("MN-STORE-001",), HTTPStatus.BAD_REQUEST),
    (("MN-STORE-003",), HTTPStatus.UNPROCESSABLE_ENTITY),
    (("MN-STORE-004",), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (("MN-STORE-005",), HTTPStatus.INSUFFICIENT_STORAGE),
    (("MN-REQ-004", "MN-REQ-009"), HTTPStatus.CONFLICT),
    (("MN-REQ-",), HTTPStatus.BAD_GATEWAY),
    (("MN-OIP-", "MN-ENGINE-"), HTTPStatus.BAD_REQUEST),
    (("MN-CODEC-", "MN-ROUTE-", "MN-OPML-", "MN-ZK-"), HTTPStatus.UNPROCESSABLE_ENTITY),
)


def answer(error: FusionError, path: str = "") -> JSONResponse:
    """`{"error": {"code", "message"}}` with the status that fits. Below /v2, where clients of the
    inference protocol read a text, `{"error": "CODE: message", "code"}`."""
    status = _status(error)
    wait = getattr(error, "retry_after", None)
    if wait is None and status is HTTPStatus.SERVICE_UNAVAILABLE:
        wait = _LATER_SECONDS
    headers = {}
    if wait is not None and math.isfinite(wait):
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {"error": {"code": error.code, "message": error.message}}
    if path.startswith("/v2"):
        body = {"error": f"{error.code}: {error.message}", "code": error.code}
    return JSONResponse(body, status, headers)


def _status(error: FusionError) -> HTTPStatus:
    if isinstance(error, GateError):
        return error.STATUS
    if isinstance(error, QuotaError):
        return HTTPStatus.TOO_MANY_REQUESTS
    for codes, status in _STATUS:
        if error.code.startswith(codes):
            return status
    return HTTPStatus.SERVICE_UNAVAILABLE


def install(app: FastAPI) -> None:
    """Handlers for whatever can be raised, so that no input makes a bare 500."""

    @app.exception_handler(FusionError)
    async def known(request: Request, error: FusionError) -> JSONResponse:
        return answer(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        kind = request.headers.get("content-type", "")
        return answer(RequestUnreadableError(_first(error, kind)), request.url.path)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        kind = _OF_STATUS.get(error.status_code, NoRouteError)
        response = answer(kind(str(error.detail)), request.url.path)
        response.status_code = error.status_code
        return response

    for kind in (Web3Exception, DecodingError):

        @app.exception_handler(kind)
        async def garbled(request: Request, error: Exception) -> JSONResponse:
            log.error("a request failed", path=request.url.path, reason=repr(error))
            nonsense = ChainNonsenseError("an endpoint of the chain answers nonsense")
            return answer(nonsense, request.url.path)

    # The last resort: whatever went wrong gets a code, and the log has the traceback.
    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        why = f"unexpected {type(error).__name__}; the log says more"
        return answer(UnexpectedError(why), request.url.path)


def _first(error: RequestValidationError, content_type: str) -> str:
    """One line, without what was sent."""
    problem: Mapping[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part != "body")
    if problem["type"] == "json_invalid":
        return f"the body is not JSON: {problem['ctx']['error']} at character {where}"[:300]
    if not where and "json" not in content_type:
        return "the body is taken as JSON alone: send `Content-Type: application/json`"
    return f"{where or 'the body'}: {plain(problem['msg'])}"[:300]


class BodyLimit:
    """ASGI: a body is refused as soon as it grows over ``most`` bytes; uploads have a limit of
    their own. ``unlimited``: what is below looks after itself."""

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        uploads: str,
        most_upload: int,
        unlimited: str | None = None,
    ) -> None:
        self._app = app
        self._most = most
        self._uploads = uploads
        self._most_upload = most_upload
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        most = self._most_upload if scope["path"].startswith(self._uploads) else self._most
        why = f"a request here has at most {most} bytes"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > most:
            await answer(BodyTooLargeError(why), scope["path"])(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
            return message

        await self._app(scope, counted, send)

    def _is_free(self, path: str) -> bool:
        return self._unlimited is not None and path.startswith(self._unlimited)
