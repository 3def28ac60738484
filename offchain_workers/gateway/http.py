# SPDX-License-Identifier: Apache-2.0
"""The gateway's app."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from offchain_workers.gateway.answers import BodyLimit, install
from offchain_workers.gateway.guard import Guard
from offchain_workers.gateway.views import Health, Refusal
from offchain_workers.oip import JSON_LENGTH
from offchain_workers.storage import BlobStore
from offchain_workers.storage.serve import blob_router

# Where the relay is, if the gateway is one.
RELAY = "/relay"
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
    origins: Sequence[str] = (),
    relay: ASGIApp | None = None,
) -> FastAPI:
    """The routes; blobs are at /v1/blobs for callers with a key to write, for anybody to read.
    ``origins``: of web pages whose scripts may call. ``relay``: served below /relay."""
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
    if relay is not None:
        app.mount(RELAY, relay)
    install(app)
    app.add_middleware(
        BodyLimit,
        most=max_body,
        uploads="/v1/blobs/",
        most_upload=max_blob,
        # It streams, under limits of its own.
        unlimited=f"{RELAY}/" if relay is not None else None,
    )
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Retry-After", JSON_LENGTH],
        )
    return app
