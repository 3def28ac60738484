# SPDX-License-Identifier: Apache-2.0
"""Our server on a socket of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.demo import DemoModel
from offchain_workers.serving import ServedModel, oip_app

ENGINE = EmbeddedEngine()


def served(model: DemoModel, **limits: int) -> ServedModel:
    """A demo model, loaded."""
    return ServedModel(model.card, ENGINE.load(model.spec, model.onnx_bytes), **limits)


@contextmanager
def serving(models: Sequence[ServedModel], port: int = 0) -> Iterator[str]:
    """The server's URL."""
    endpoint = Endpoint(oip_app(models), "127.0.0.1", port)
    endpoint.start()
    try:
        yield endpoint.url
    finally:
        endpoint.stop()
        for model in models:
            model.close()


def ask(url: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    """GET, or POST of JSON or bytes."""
    if body is None:
        return httpx.get(url + path, trust_env=False)
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return httpx.post(url + path, trust_env=False, timeout=30, **content, **more)
