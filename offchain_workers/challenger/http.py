# SPDX-License-Identifier: Apache-2.0
"""The watcher's endpoint: health and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Response

from offchain_workers.challenger.metrics import Metrics


def build_app(health: Callable[[], dict[str, Any]], metrics: Metrics) -> FastAPI:
    """The routes over these."""
    app = FastAPI(title="Model Network watcher", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def read_health() -> dict[str, Any]:
        return health()

    @app.get("/metrics")
    def read_metrics() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return app
