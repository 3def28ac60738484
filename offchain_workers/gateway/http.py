# SPDX-License-Identifier: Apache-2.0
"""The gateway's app."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Depends, FastAPI

from offchain_workers.gateway.answers import BodyLimit, install
from offchain_workers.gateway.guard import Guard
from offchain_workers.gateway.views import Health, Refusal
from offchain_workers.storage import BlobStore
from offchain_workers.storage.serve import blob_router

_DESCRIPTION = (
    "Wishes in, verified answers out. Errors are "
    '`{"error": {"code", "message"}}`; a 429 says with Retry-After when to come again.'
)


def build_app(
    health: Callable[[], Health],
    guard: Guard,
    store: BlobStore,
    max_body: int,
    max_blob: int,
    routers: Sequence[APIRouter],
) -> FastAPI:
    """The routes; blobs are at /v1/blobs for callers with a key to write, for anybody to read."""
    app = FastAPI(
        title="Model Network gateway",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses={"4XX": {"model": Refusal, "description": "Refused; the code says why."}},
    )

    @app.get("/health", summary="Whether it works", tags=["health"])
    def read_health() -> Health:
        return health()

    for router in routers:
        app.include_router(router)
    blobs = blob_router(store, max_blob, [Depends(guard.uploader)], [Depends(guard.caller)])
    app.include_router(blobs, prefix="/v1")
    install(app)
    app.add_middleware(BodyLimit, most=max_body, uploads="/v1/blobs/", most_upload=max_blob)
    return app
