# SPDX-License-Identifier: Apache-2.0
"""/v2: the Open Inference Protocol's routes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from offchain_workers.gateway.callers import Caller
from offchain_workers.gateway.errors import NoRouteError
from offchain_workers.gateway.guard import Guard
from offchain_workers.gateway.inference import (
    TASK,
    Asked,
    Inference,
    check_version,
    digest_of,
)
from offchain_workers.gateway.routes import Idempotency
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.models.card import ModelCard, TensorSpec
from offchain_workers.oip import BINARY_EXTENSION, JSON_LENGTH, NAMES, split
from offchain_workers.spelling import told

SERVER = "model-network-gateway"
_INFER = {
    "requestBody": {
        "description": "An inference request; its parameters are the wish: prefer, methods, "
        "max_price and the other fields of /v1/plan, lists with commas. `final: true` waits until "
        "nobody can challenge the answer. Binary tensors are taken, too.",
        "content": {"application/json": {"schema": {"type": "object"}}},
        "required": True,
    }
}
JsonLength = Annotated[
    str | None, Header(alias=JSON_LENGTH, description="Bytes of JSON before binary tensors.")
]


def v2(guard: Guard, shelf: Shelf, inference: Inference, ready: Any, version: str) -> APIRouter:
    """The routes over these parts. ``ready``: whether the gateway takes new work."""
    router = APIRouter(prefix="/v2", tags=["v2"])
    _server(router, ready, version)
    _models(router, guard, shelf, ready)
    _infer(router, guard, inference)
    return router


def _server(router: APIRouter, ready: Any, version: str) -> None:
    @router.get("", summary="What this server is")
    def server() -> dict[str, Any]:
        return {"name": SERVER, "version": version, "extensions": [BINARY_EXTENSION]}

    @router.get("/health/live", summary="Whether the process answers")
    def live() -> dict[str, bool]:
        return {"live": True}

    @router.get("/health", summary="Whether it takes requests")
    @router.get("/health/ready", summary="Whether it takes requests")
    def is_ready(response: Response) -> dict[str, bool]:
        response.status_code = 200 if ready() else 503
        return {"ready": ready()}


def _models(router: APIRouter, guard: Guard, shelf: Shelf, ready: Any) -> None:
    anybody = Depends(guard.caller)

    def card_of(model: str, version: str | None) -> ModelCard:
        card = card_for(shelf, model)
        check_version(model, card, version)
        return card

    @router.get("/models/{model}", summary="Tensors of a model")
    @router.get("/models/{model}/versions/{version}", summary="Tensors of a model")
    def metadata(model: str, caller: Caller = anybody, version: str | None = None) -> Any:
        card = card_of(model, version)
        return {
            "name": model,
            "versions": [card.version],
            "platform": SERVER,
            "inputs": [_port(spec) for spec in card.inputs],
            "outputs": [_port(spec) for spec in card.outputs],
        }

    @router.get("/models/{model}/ready", summary="Whether the model is published")
    @router.get("/models/{model}/versions/{version}/ready", summary="Whether it is published")
    def model_ready(model: str, caller: Caller = anybody, version: str | None = None) -> Any:
        if model.startswith(TASK):
            cards_for(shelf, model)
        else:
            card_of(model, version)
        return {"name": model, "ready": ready()}


def _infer(router: APIRouter, guard: Guard, inference: Inference) -> None:
    @router.post("/models/{model}/infer", summary="Answers, with a receipt", openapi_extra=_INFER)
    @router.post(
        "/models/{model}/versions/{version}/infer",
        summary="Answers, with a receipt",
        openapi_extra=_INFER,
    )
    async def infer(
        model: str,
        request: Request,
        caller: Caller = Depends(guard.spender),
        version: str | None = None,
        idempotency_key: Idempotency = None,
        json_length: JsonLength = None,
    ) -> Response:
        data = await request.body()
        body = split(data, json_length)
        digest = digest_of(model, data)
        asked = Asked(model, version, digest, idempotency_key)
        found, length = await inference.infer(asked, body, caller)
        if length is None:
            return Response(found, media_type="application/json")
        headers = {JSON_LENGTH: str(length)}
        return Response(found, media_type="application/octet-stream", headers=headers)


def cards_for(shelf: Shelf, model: str) -> list[ModelCard]:
    """Of `task:NAME`, all that do the task. Raises NoRouteError where none does."""
    task = model.removeprefix(TASK)
    cards = [card for _, card in shelf.readable()]
    found = [card for card in cards if card.task == task]
    if not found:
        raise NoRouteError(f"the market has {told('task', task, {card.task for card in cards})}")
    return found


def card_for(shelf: Shelf, model: str) -> ModelCard:
    """A model's, or of `task:NAME` one that stands for all that do the task.

    Raises NoRouteError, ModelUnknownError, ModelAmbiguousError.
    """
    if not model.startswith(TASK):
        return shelf.card(shelf.model(model))
    first, *others = cards_for(shelf, model)
    if any((one.inputs, one.outputs) != (first.inputs, first.outputs) for one in others):
        names = ", ".join(one.name for one in (first, *others[:7]))
        raise NoRouteError(f"the models of {model[:64]} differ in their tensors: ask for {names}")
    return first


def _port(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": NAMES[spec.engine], "shape": [-1, *spec.shape]}
