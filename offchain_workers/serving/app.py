# SPDX-License-Identifier: Apache-2.0
"""The protocol's routes as an ASGI application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from offchain_workers.errors import FusionError
from offchain_workers.oip import BINARY_EXTENSION
from offchain_workers.serving.errors import ModelNotHereError
from offchain_workers.serving.infer import Reply, answered, failed, json_reply
from offchain_workers.serving.model import ServedModel

SERVER = "model-network"
_MODEL = "/v2/models/{name}"
_VERSIONED = _MODEL + "/versions/{version}"


def oip_app(models: Sequence[ServedModel], version: str = "1") -> OipApp:
    """Serves ``models``, whose names differ, from one event loop. It closes none of them."""
    return OipApp({model.name: model for model in models}, version)


class OipApp:
    """An ASGI application; may be mounted under a prefix.

    Inference goes past the framework, whose routing and middleware cost as much as a small model.
    """

    def __init__(self, models: Mapping[str, ServedModel], version: str) -> None:
        self._models = models
        self._version = version
        self._quick = {f"/v2/models/{name}/infer": model for name, model in models.items()}
        self._rest = Starlette(
            routes=[
                Route("/v2/health/live", self._live),
                Route("/v2/health/ready", self._ready),
                Route(f"{_MODEL}/ready", self._model_ready),
                Route(_MODEL, self._metadata),
                Route("/v2", self._server),
                Route("/v2/repository/index", self._index, methods=["POST"]),
                Route(f"{_MODEL}/infer", self._infer, methods=["POST"]),
                Route(f"{_VERSIONED}/infer", self._infer, methods=["POST"]),
                Route(f"{_VERSIONED}/ready", self._model_ready),
                Route(_VERSIONED, self._metadata),
            ],
            exception_handlers={FusionError: _refusal},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI says."""
        if scope["type"] == "http" and scope["method"] == "POST":
            model = self._quick.get(scope["path"].removeprefix(scope.get("root_path", "")))
            if model is not None:
                return await _respond(await self._reply(model, scope["headers"], receive), send)
        await self._rest(scope, receive, send)

    async def _reply(
        self, model: ServedModel, headers: Sequence[tuple[bytes, bytes]], receive: Receive
    ) -> Reply:
        try:
            return await answered(model, headers, receive)
        except FusionError as error:
            return failed(error)

    async def _infer(self, request: Request) -> Response:
        model = self._model(request)
        reply = await self._reply(model, request.headers.raw, request.receive)
        return Response(reply.data, reply.status, dict(_text(reply.headers)))

    async def _live(self, request: Request) -> Response:
        return _answer({"live": True})

    async def _ready(self, request: Request) -> Response:
        return _answer({"ready": True})

    async def _server(self, request: Request) -> Response:
        extensions = [BINARY_EXTENSION, "model_repository(index)"]
        return _answer({"name": SERVER, "version": self._version, "extensions": extensions})

    async def _metadata(self, request: Request) -> Response:
        return _answer(self._model(request).metadata())

    async def _model_ready(self, request: Request) -> Response:
        return _answer({"name": self._model(request).name, "ready": True})

    async def _index(self, request: Request) -> Response:
        return _answer(
            [
                {"name": model.name, "version": model.card.version, "state": "READY", "reason": ""}
                for model in self._models.values()
            ]
        )

    def _model(self, request: Request) -> ServedModel:
        wanted, version = request.path_params["name"], request.path_params.get("version")
        model = self._models.get(wanted)
        if model is None or version not in (None, model.card.version):
            raise ModelNotHereError(f"no model {wanted[:64]!r} here, only {sorted(self._models)}")
        return model


async def _respond(reply: Reply, send: Send) -> None:
    start: Message = {
        "type": "http.response.start",
        "status": reply.status,
        "headers": reply.headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": reply.data})


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, FusionError)
    reply = failed(error)
    return Response(reply.data, reply.status, dict(_text(reply.headers)))


def _answer(tree: Any) -> Response:
    reply = json_reply(tree)
    return Response(reply.data, headers=dict(_text(reply.headers)))


def _text(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
