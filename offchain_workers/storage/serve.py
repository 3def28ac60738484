# SPDX-License-Identifier: Apache-2.0
"""The blob routes that a worker's or gateway's FastAPI app mounts."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from offchain_workers.storage.base import BlobStore
from offchain_workers.storage.content import check_content_id, check_size, content_id
from offchain_workers.storage.errors import (
    BlobCorruptError,
    BlobMissingError,
    BlobTooLargeError,
    InvalidContentIdError,
    StoreError,
    StoreFullError,
)

_STATUS: dict[type[StoreError], HTTPStatus] = {
    InvalidContentIdError: HTTPStatus.BAD_REQUEST,
    BlobMissingError: HTTPStatus.NOT_FOUND,
    BlobTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BlobCorruptError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StoreFullError: HTTPStatus.INSUFFICIENT_STORAGE,
}
_FOREVER = "public, max-age=31536000, immutable"


def blob_router(
    store: BlobStore,
    max_bytes: int,
    put_dependencies: Sequence[Any] = (),
    get_dependencies: Sequence[Any] = (),
) -> APIRouter:
    """GET, HEAD and PUT ``/blobs/{cid}`` over ``store``, for blobs of up to ``max_bytes``.

    ``put_dependencies`` (``fastapi.Depends`` values) guard writing: without one, anyone who reaches
    the app may fill the store. Errors are ``{"error": {"code": ..., "message": ...}}``.
    """
    router = APIRouter(tags=["blobs"])

    @router.get("/blobs/{cid}", dependencies=list(get_dependencies))
    def read(cid: str) -> Response:
        try:
            data = store.get(cid, max_bytes)
        except BlobMissingError:
            # The store's own line names a folder of this machine.
            return _refusal(BlobMissingError(f"no blob {cid} here"))
        except StoreError as error:
            return _refusal(error)
        return Response(data, headers=_headers(cid), media_type="application/octet-stream")

    @router.head("/blobs/{cid}", dependencies=list(get_dependencies))
    def probe(cid: str) -> Response:
        try:
            found = store.has(cid)
        except StoreError as error:
            return _refusal(error)
        return Response(status_code=HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)

    @router.put("/blobs/{cid}", dependencies=list(put_dependencies))
    async def write(cid: str, request: Request) -> Response:
        try:
            data = await _body(check_content_id(cid), request, max_bytes)
            await run_in_threadpool(store.put, data)
        except StoreError as error:
            return _refusal(error)
        return JSONResponse({"cid": content_id(data)}, HTTPStatus.CREATED)

    return router


async def _body(cid: str, request: Request, max_bytes: int) -> bytes:
    """The body, refused as soon as it grows over the limit or when its hash is not ``cid``."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        check_size(cid, int(announced), max_bytes)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        check_size(cid, len(data), max_bytes)
    actual = content_id(bytes(data))
    if actual != cid:
        raise BlobCorruptError(f"the body has id {actual}, the address says {cid}")
    return bytes(data)


def _headers(cid: str) -> dict[str, str]:
    return {"ETag": f'"{cid}"', "Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}


def _refusal(error: StoreError) -> Response:
    status = _STATUS.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, status)
