# SPDX-License-Identifier: Apache-2.0
"""/v2: the Open Inference Protocol, with the wish in a request's parameters and a receipt in the
answer's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from offchain_workers.engines.base import check_arrays
from offchain_workers.gateway.asks import WishAsk
from offchain_workers.gateway.bell import Bell
from offchain_workers.gateway.callers import Caller
from offchain_workers.gateway.errors import (
    AnswerLateError,
    JobFailedError,
    MisfitError,
    NoRouteError,
    RequestUnreadableError,
)
from offchain_workers.gateway.front import FrontDoor
from offchain_workers.gateway.once import Once, Placed
from offchain_workers.gateway.orders import Order, Share
from offchain_workers.gateway.planner import Planner
from offchain_workers.gateway.poster import Poster
from offchain_workers.gateway.reader import Reader
from offchain_workers.gateway.tables import State
from offchain_workers.models.card import ModelCard, TensorSpec
from offchain_workers.models.wire import Array, pack_items, split_items, unpack_items
from offchain_workers.oip import Body, join, read_tensors
from offchain_workers.oip.outputs import Wanted
from offchain_workers.problems import first_problem
from offchain_workers.routing.request import RouteRequest
from offchain_workers.spelling import told

TASK = "task:"
# What clients of the protocol send of themselves.
_CLIENTS = {
    "binary_data_output", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout",
}  # fmt: skip
_LISTS = {"tiers", "methods", "attesters"}
_FINAL = "final"
_BEAT_SECONDS = 1.0
# Up to here doubles hold every whole number.
_EXACT = 2.0**53


@dataclass(frozen=True)
class Asked:
    """Whom a request is for, and what tells it from others; ``idempotency``: the caller's key."""

    model: str
    version: str | None
    digest: bytes
    idempotency: str | None


@dataclass(frozen=True)
class Query:
    """A request that was read: what is wanted, and how the answer shall look."""

    wish: WishAsk
    final: bool
    tree: Mapping[str, Any]
    body: Body


class Inference:
    """Coroutines of the endpoint's loop. ``seconds``: how long a caller waits."""

    def __init__(
        self,
        planner: Planner,
        poster: Poster,
        once: Once,
        reader: Reader,
        front: FrontDoor,
        bell: Bell,
        seconds: float,
    ) -> None:
        self._planner = planner
        self._poster = poster
        self._once = once
        self._reader = reader
        self._front = front
        self._bell = bell
        self._seconds = seconds

    async def infer(self, asked: Asked, body: Body, caller: Caller) -> tuple[bytes, int | None]:
        """A body to answer with; see ``oip.join``. Raises FusionError."""
        deadline = time.monotonic() + self._seconds
        query = read_query(asked.model, body)
        order = await run_in_threadpool(self._order, query.wish)
        check_version(asked.model, order.card, asked.version)
        wanted = Wanted.of(body.tree, [spec.name for spec in order.card.outputs])
        items = await run_in_threadpool(read_items, order, body)
        share = Share(caller, items, asked.digest, idempotency=asked.idempotency)
        placed = await self._place(order, share)
        await self._answered(placed.job_id, query.final, deadline)
        return await run_in_threadpool(self._reply, asked.model, query, order, placed, wanted)

    def _order(self, wish: WishAsk) -> Order:
        return self._planner.order(self._planner.decide(wish))

    async def _place(self, order: Order, share: Share) -> Placed:
        known = await run_in_threadpool(self._once.claim, share)
        try:
            if known is not None:
                return known
            posting, reserved, most = await run_in_threadpool(self._poster.seat, order, share)
            assert order.record is not None  # the planner's orders have one
            key = posting.subnet.subnet_id, order.record.request.hash()
            waiting = self._front.submit(key, most, order, posting, reserved)
            return await asyncio.shield(asyncio.wrap_future(waiting))
        finally:
            self._once.unclaim(share)

    async def _answered(self, job_id: bytes, final: bool, deadline: float) -> None:
        with self._bell.listen(job_id) as listener:
            while True:
                state, why = await run_in_threadpool(self._reader.state, job_id)
                if state == State.PAID or (state == State.PENDING and not final):
                    return
                if state in (State.FAILED, State.REFUNDED):
                    raise JobFailedError(f"job 0x{job_id.hex()} is {state}: {why}")
                left = deadline - time.monotonic()
                if left <= 0:
                    text = f"job 0x{job_id.hex()} is {state} still; ask /v1/jobs for it"
                    raise AnswerLateError(text)
                await listener.wait(min(left, _BEAT_SECONDS))

    def _reply(
        self, model: str, query: Query, order: Order, placed: Placed, wanted: Wanted
    ) -> tuple[bytes, int | None]:
        span = placed.first, placed.count
        view = self._reader.job(placed.job_id, "", span)
        outputs = b"".join(self._reader.outputs(placed.job_id, span))
        arrays = unpack_items(order.card.outputs, outputs, placed.count)
        entries, tails = wanted.entries(arrays)
        parameters = {
            "job_id": view.id,
            "method": view.method,
            "model": view.model,
            "final": view.state == State.PAID,
            "decision": view.decision or "",
            "transaction": view.answer.transaction if view.answer else "",
            "block": view.answer.block if view.answer else 0,
            "receipt": view.receipt.model_dump_json(by_alias=True) if view.receipt else "",
        }
        tree: dict[str, Any] = {
            "model_name": model,
            "model_version": order.card.version,
            "outputs": entries,
            "parameters": parameters,
        }
        if (name := query.tree.get("id")) is not None:
            tree["id"] = name
        return join(tree, tails)


def check_version(model: str, card: ModelCard, version: str | None) -> None:
    """Raises NoRouteError for a version that the model is not of."""
    if version not in (None, card.version):
        raise NoRouteError(f"{model[:64]} has no version {version[:64]}: there is {card.version}")


def read_query(model: str, body: Body) -> Query:
    """The wish of a request to a model, `task:NAME` for whichever does it best.

    Raises RequestUnreadableError, MisfitError.
    """
    parameters = body.tree.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RequestUnreadableError("parameters is not an object")
    given = {name: value for name, value in parameters.items() if name not in _CLIENTS}
    final = given.pop(_FINAL, False)
    wanted: dict[str, Any] = {
        name: value.split(",") if name in _LISTS and isinstance(value, str) else value
        for name, value in given.items()
    }
    where = {"task": model.removeprefix(TASK)} if model.startswith(TASK) else {"model": model}
    known = set(RouteRequest.model_fields) - {"task", "model", "items"}
    if unknown := set(wanted) - known:
        raise RequestUnreadableError(told("parameter", min(unknown), {*known, _FINAL}))
    if not isinstance(final, bool):
        raise RequestUnreadableError("final is not true or false")
    try:
        wish = WishAsk.model_validate({**wanted, **where})
    except ValidationError as error:
        raise RequestUnreadableError(f"parameters: {first_problem(error, 'wish')}") from None
    wish.check_public()
    return Query(wish, final, body.tree, body)


def read_items(order: Order, body: Body) -> list[bytes]:
    """The items' wire bytes, from tensors of the card's engine or wire types.

    Raises OipFormatError, SignatureError, MisfitError, TensorError.
    """
    specs = order.card.inputs
    feeds = read_tensors(body.tree.get("inputs"), body.tail)
    for name, array in feeds.items():
        if not array.ndim or not len(array):
            raise MisfitError(f"tensor {name} has no items: its first dimension counts them")
    known = {spec.name: spec for spec in specs}
    check_arrays(specs, {n: _as_engine(known[n], a) if n in known else a for n, a in feeds.items()})
    packed = pack_items(specs, {spec.name: _as_wire(spec, feeds[spec.name]) for spec in specs})
    return split_items(specs, packed)


def _as_engine(spec: TensorSpec, array: Array) -> Array:
    """Wire types fit engine types by the card's own rule."""
    return array.astype(spec.engine) if array.dtype == spec.wire_dtype else array


def _as_wire(spec: TensorSpec, array: Array) -> Array:
    """What the wire has as integers may come as floats: as whole numbers only."""
    if array.dtype.kind != "f":
        return array
    if not np.isfinite(array).all():
        raise MisfitError(f"tensor {spec.name}: NaN or infinity is not a value")
    if spec.wire_dtype.kind == "f":
        return array
    if (array != np.rint(array)).any() or (np.abs(array) > _EXACT).any():
        raise MisfitError(f"tensor {spec.name}: the model takes whole numbers ({spec.wire})")
    return array.astype(np.int64)


def digest_of(model: str, data: bytes) -> bytes:
    """What an idempotency key stands for."""
    return sha256(model.encode("utf-8", "surrogatepass") + b"\0" + data).digest()
