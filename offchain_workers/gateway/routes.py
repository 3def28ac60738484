# SPDX-License-Identifier: Apache-2.0
"""/v1: plan, jobs, blobs, models, offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from offchain_workers.codecs import under
from offchain_workers.gateway.asks import JobAsk, WishAsk
from offchain_workers.gateway.callers import Caller
from offchain_workers.gateway.guard import Guard
from offchain_workers.gateway.market import Showcase
from offchain_workers.gateway.once import Once, Placed
from offchain_workers.gateway.orders import Share
from offchain_workers.gateway.planner import Planner
from offchain_workers.gateway.plans import PlanView, show
from offchain_workers.gateway.poster import Poster
from offchain_workers.gateway.reader import Reader
from offchain_workers.gateway.streams import Streams
from offchain_workers.gateway.views import JobView, ModelView, OfferView
from offchain_workers.storage import BlobStore

JobId = Annotated[str, InPath(pattern=r"^0x[0-9a-fA-F]{64}$", description="0x and 64 hex digits.")]
Idempotency = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        description="A request that is sent again with its key makes nothing anew.",
    ),
]
LastEvent = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        pattern=r"^[0-9]{0,18}$",
        description="Go on after this event.",
    ),
]


@dataclass(frozen=True)
class Maker:
    """Jobs from what is asked: ``max_input`` bytes at most in an input that is a blob."""

    guard: Guard
    planner: Planner
    poster: Poster
    store: BlobStore
    max_input: int

    def make(self, ask: JobAsk, share: Share) -> Placed:
        """Posted from the gateway's balance, or offered to a wallet."""
        order = self.planner.order_of(ask)
        card = under(order.card, order.selector)
        items = [one.wire(card, self.store, self.max_input) for one in ask.inputs]
        filled = replace(share, items=items)
        if ask.requester is None:
            return self.poster.post(order, filled)
        # Nobody pays for it, and it is kept.
        record = order.record.canonical() if order.record else b""
        self.guard.keep(share.caller, len(record) + sum(map(len, items)))
        return self.poster.offer(order, filled, ask.requester)


def v1(
    guard: Guard,
    planner: Planner,
    poster: Poster,
    once: Once,
    reader: Reader,
    showcase: Showcase,
    streams: Streams,
    store: BlobStore,
    max_input: int,
) -> APIRouter:
    """The routes over these parts."""
    router = APIRouter(prefix="/v1", tags=["v1"])
    _plan(router, guard, planner)
    _jobs(router, guard, Maker(guard, planner, poster, store, max_input), once, reader)
    _events(router, guard, streams)
    _market(router, guard, showcase)
    return router


def _plan(router: APIRouter, guard: Guard, planner: Planner) -> None:
    @router.post("/plan", summary="What a wish would get, and why; no money moves")
    def plan(wish: WishAsk, caller: Caller = Depends(guard.caller)) -> PlanView:
        return show(planner.decide(wish, wish.items))


def _jobs(router: APIRouter, guard: Guard, maker: Maker, once: Once, reader: Reader) -> None:
    anybody, spender = Depends(guard.caller), Depends(guard.spender)

    @router.post("/jobs", status_code=HTTPStatus.CREATED, summary="Make a job")
    def post(ask: JobAsk, caller: Caller = spender, idempotency_key: Idempotency = None) -> JobView:
        share = Share(caller, [], _digest(ask), idempotency=idempotency_key)
        with once.held(share) as known:
            placed = known or maker.make(ask, share)
        return reader.job(placed.job_id, caller.name, (placed.first, placed.count))

    @router.get("/jobs/{job_id}", summary="State, answer and receipt of any job of the market")
    def read(job_id: JobId, caller: Caller = anybody) -> JobView:
        return reader.job(bytes.fromhex(job_id[2:]), caller.name)


def _events(router: APIRouter, guard: Guard, streams: Streams) -> None:
    @router.get(
        "/jobs/{job_id}/events",
        summary="A job's life as server-sent events, until it is over",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "id, event, data"},
            204: {"description": "It is over, and you have heard all: don't come again."},
        },
    )
    async def events(
        job_id: JobId, caller: Caller = Depends(guard.caller), last_event_id: LastEvent = ""
    ) -> Response:
        job, after = bytes.fromhex(job_id[2:]), int(last_event_id or 0)
        if await run_in_threadpool(streams.is_over, caller.name, job, after):
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return StreamingResponse(
            streams.of(caller.name, job, after), media_type="text/event-stream", headers=_UNCACHED
        )


def _market(router: APIRouter, guard: Guard, showcase: Showcase) -> None:
    anybody = Depends(guard.caller)

    @router.get("/models", summary="Published models")
    def models(caller: Caller = anybody) -> list[ModelView]:
        return showcase.models()

    @router.get("/offers", summary="Live offers, cheapest first")
    def offers(
        caller: Caller = anybody,
        model: Annotated[str | None, Query(max_length=80, description="Id or name.")] = None,
        method: Annotated[str | None, Query(max_length=32, description="A method.")] = None,
    ) -> list[OfferView]:
        return showcase.offers(model, method)


_UNCACHED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def _digest(ask: JobAsk) -> bytes:
    return sha256(ask.model_dump_json().encode("utf-8", "surrogatepass")).digest()
