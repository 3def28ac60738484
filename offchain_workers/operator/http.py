# SPDX-License-Identifier: Apache-2.0
"""The worker's routes: health, manifest, acceptances, blobs, metrics."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from offchain_workers.chain.contracts import Acceptance, JobTerms
from offchain_workers.chain.errors import ChainError, TermsInvalidError
from offchain_workers.operator.metrics import Metrics
from offchain_workers.operator.reasons import Reason, RefusedError, refuse
from offchain_workers.storage import BlobStore
from offchain_workers.storage.serve import blob_router

# Terms are 1.2 kB, post data at most 4,224 bytes in hex.
_MAX_BODY = 16_384
_STATUS = {
    Reason.TERMS_UNREADABLE: HTTPStatus.BAD_REQUEST,
    Reason.REQUEST_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.CAPACITY_FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.BREAKER_OPEN: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.STAKE_NOT_FREE: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.CHAIN_UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Gate:
    """At most so many requests inside; the next is refused at once, not queued."""

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise refuse(Reason.TOO_MANY_REQUESTS)

    def __exit__(self, *_: object) -> None:
        self._places.release()


def build_app(
    health: Callable[[], dict[str, Any]],
    manifest: Callable[[], bytes],
    accept: Callable[[JobTerms, bytes], Acceptance],
    store: BlobStore,
    metrics: Metrics,
    max_blob: int,
    max_put: Callable[[], int],
    most_requests: int,
) -> FastAPI:
    """The routes over these functions. ``max_put``: the largest input that a model here takes."""
    app = FastAPI(title="Model Network worker", docs_url=None, redoc_url=None, openapi_url=None)
    gate = Gate(most_requests)

    def answer(body: bytes) -> Acceptance:
        with gate:
            return accept(*_request(body))

    @app.get("/health")
    def read_health() -> dict[str, Any]:
        return health()

    @app.get("/manifest")
    def read_manifest() -> Response:
        found = manifest()
        status = HTTPStatus.OK if found else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(found, status, media_type="application/json")

    @app.get("/metrics")
    def read_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.post("/accept")
    async def ask(request: Request) -> dict[str, str]:
        return (await run_in_threadpool(answer, await _body(request))).to_json()

    @app.exception_handler(RefusedError)
    def refused(_: Request, error: RefusedError) -> JSONResponse:
        return _refusal(error)

    @app.exception_handler(ChainError)
    def chain_failed(_: Request, error: ChainError) -> JSONResponse:
        return _refusal(refuse(Reason.CHAIN_UNREACHABLE, str(error)))

    def check_put(request: Request) -> None:
        size = request.headers.get("content-length", "")
        if not size.isdecimal() or int(size) > max_put():
            raise refuse(Reason.REQUEST_TOO_LARGE, f"an input has at most {max_put()} bytes")

    app.include_router(blob_router(store, max_blob, [Depends(check_put)]))
    return app


def _refusal(error: RefusedError) -> JSONResponse:
    status = _STATUS.get(error.skip.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, status)


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it grows too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise refuse(Reason.REQUEST_TOO_LARGE, f"at most {_MAX_BODY} bytes")
    return bytes(body)


def _request(body: bytes) -> tuple[JobTerms, bytes]:
    try:
        document = json.loads(body)
        terms = JobTerms.from_json(document["terms"])
        terms.abi()
        return terms, bytes.fromhex(document["data"].removeprefix("0x"))
    except TermsInvalidError as error:
        raise refuse(Reason.TERMS_UNREADABLE, error.message) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        line = 'send {"terms": {...}, "data": "0x..."}'
        raise refuse(Reason.TERMS_UNREADABLE, line) from error
