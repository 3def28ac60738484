# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Akash's Console API, over HTTP, after its published schema and rules.

It charges from the moment a lease is there until its deployment is closed, and can fail in the ways
that the published page names: before it has done what was asked, or after.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from offchain_workers.daemon.endpoint import Endpoint
from offchain_workers.devnet import process

KEY = "akt-test-key"
OWNER = "akash1owner"


@dataclass
class Order:
    """A deployment."""

    dseq: str
    name: str
    sdl: dict[str, Any]
    hours: int | None
    state: str = "active"
    provider: str | None = None
    price: str = ""


@dataclass
class Provider:
    """Bids on every order at one price per block; ``awake`` False: it never takes a lease."""

    address: str
    price: str = "100"
    denom: str = "uact"
    gpu: str = "rtx4090"
    gpus: int = 1
    state: str = "open"
    awake: bool = True


@dataclass
class Fault:
    """Happens once at the ``number``-th request (from 0): before or after it was carried out."""

    number: int
    what: Callable[[], Response]
    after: bool = False


@dataclass
class Console:
    """The service. ``leases``: how many were ever made for each number, to see double payment."""

    providers: list[Provider] = field(default_factory=lambda: [Provider("akash1cheap")])
    uri: str | None = None  # where a leased container answers
    orders: dict[str, Order] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    up_after: int = 0  # looks at a leased deployment before its container answers
    close_works: bool = True

    def __post_init__(self) -> None:
        self.port = process.free_port(None)
        self.url = f"http://127.0.0.1:{self.port}"
        self.uri = self.uri or f"127.0.0.1:{self.port}"
        self._endpoint = Endpoint(self.app(), "127.0.0.1", self.port)
        self._endpoint.start()

    def stop(self) -> None:
        self._endpoint.stop()

    def charging(self) -> list[str]:
        """Names of what costs money now."""
        return [order.name for order in self.orders.values() if self._leased(order)]

    def open(self) -> list[str]:
        """Names of what is not closed."""
        return [order.name for order in self.orders.values() if order.state == "active"]

    def app(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._front)
        app.get("/v2/health/ready")(self._ready)
        app.get("/v1/gpu-prices")(gpu_prices)
        app.post("/v1/deployments")(self._create)
        app.get("/v1/deployments")(self._list)
        app.get("/v1/deployments/{dseq}")(self._read)
        app.delete("/v1/deployments/{dseq}")(self._close)
        app.get("/v1/bids")(self._bids)
        app.post("/v1/leases")(self._lease)
        return app

    async def _front(
        self, request: Request, go_on: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        path = request.url.path
        if path.startswith("/v2/"):
            return await go_on(request)
        number = len(self.log)
        self.log.append((request.method, path))
        fault = next((one for one in self.faults if one.number == number), None)
        if fault is not None and not fault.after:
            return fault.what()
        public = path == "/v1/gpu-prices"
        if not public and request.headers.get("x-api-key") != KEY:
            return refusal(401, "unauthorized")
        answer = await go_on(request)
        return fault.what() if fault is not None else answer

    def _ready(self) -> Response:
        return Response(status_code=200 if self.charging() else 503)

    async def _create(self, request: Request) -> Response:
        body = (await request.json())["data"]
        unknown = set(body) - {"sdl", "name", "runtimeLimitHours"}
        hours = body.get("runtimeLimitHours")
        if unknown or not 1 <= len(body["name"]) <= 256 or not (hours is None or 1 <= hours <= 48):
            return refusal(400, "bad request")
        sdl = json.loads(body["sdl"])
        if problem := sdl_problem(sdl):
            return refusal(400, problem)
        order = Order(str(1_785_245_500_000 + len(self.orders)), body["name"], sdl, hours)
        self.orders[order.dseq] = order
        signed = {"code": 0, "transactionHash": "00", "rawLog": ""}
        data = {"dseq": order.dseq, "manifest": "[]", "signTx": signed}
        return JSONResponse({"data": data}, 201)

    def _list(self, state: str = "active", skip: int = 0, limit: int = 100) -> Response:
        if not 1 <= limit <= 100:
            return refusal(400, "limit")
        found = [order for order in self.orders.values() if order.state == state]
        page, more = found[skip : skip + limit], skip + limit < len(found)
        entries = [self._shown(order, status=False) for order in page]
        pages = {"total": None, "skip": skip, "limit": limit, "hasMore": more}
        return JSONResponse({"data": {"deployments": entries, "pagination": pages}})

    def _read(self, dseq: str) -> Response:
        if dseq not in self.orders:
            return refusal(404, "Deployment not found")
        order = self.orders[dseq]
        if self._leased(order):
            self.up_after -= 1
        return JSONResponse({"data": self._shown(order, status=True)})

    def _close(self, dseq: str) -> Response:
        if dseq not in self.orders:
            return refusal(404, "Deployment not found")
        if self.close_works:
            self.orders[dseq].state = "closed"
        return JSONResponse({"data": {"success": True}})

    def _bids(self, dseq: str) -> Response:
        order = self.orders.get(dseq)
        if order is None or order.state != "active":
            return JSONResponse({"data": []})
        return JSONResponse({"data": [bid(order, provider) for provider in self.providers]})

    async def _lease(self, request: Request) -> Response:
        body = await request.json()
        if set(body) != {"leases"} or len(body["leases"]) != 1:
            return refusal(400, "bad request")
        asked = body["leases"][0]
        if set(asked) != {"dseq", "gseq", "oseq", "provider"}:
            return refusal(400, "bad request")
        order = self.orders[asked["dseq"]]
        if not self._leased(order):
            found = [one for one in self.providers if one.address == asked["provider"]]
            if order.state != "active" or not found or found[0].state != "open":
                return refusal(400, "bid not open")
            if not found[0].awake:
                return refusal(502, "provider_unreachable")
            order.provider, order.price = found[0].address, found[0].price
            self.leases[order.dseq] = self.leases.get(order.dseq, 0) + 1
        return JSONResponse({"data": self._shown(order, status=False)})

    def _leased(self, order: Order) -> bool:
        return order.state == "active" and order.provider is not None

    def _shown(self, order: Order, status: bool) -> dict[str, Any]:
        leases = [self._shown_lease(order, status)] if order.provider else []
        return {
            "deployment": {
                "id": {"owner": OWNER, "dseq": order.dseq},
                "state": order.state,
                "hash": "",
                "created_at": "1",
            },
            "leases": leases,
            "escrow_account": {"state": {"state": "open", "funds": []}},
            "name": order.name,
            "consoleSettings": {"sdl": json.dumps(order.sdl), "manifestVersion": ""},
        }

    def _shown_lease(self, order: Order, status: bool) -> dict[str, Any]:
        ids = {"owner": OWNER, "dseq": order.dseq, "gseq": 1, "oseq": 1, "bseq": 1}
        lease: dict[str, Any] = {
            "id": ids | {"provider": order.provider},
            "state": "active" if order.state == "active" else "closed",
            "price": {"denom": "uact", "amount": order.price},
            "created_at": "1",
            "closed_on": "",
        }
        if status:
            lease["status"] = None if self.up_after > 0 else self._status()
        return lease

    def _status(self) -> dict[str, Any]:
        service = {"name": "node", "available": 1, "total": 1, "uris": [self.uri]}
        return {"services": {"node": service}, "forwarded_ports": {}, "ips": {}}


def bid(order: Order, provider: Provider) -> dict[str, Any]:
    ids = {"owner": OWNER, "dseq": order.dseq, "gseq": 1, "oseq": 1, "bseq": 21}
    key = f"vendor/nvidia/model/{provider.gpu}"
    gpu = {"units": {"val": str(provider.gpus)}, "attributes": [{"key": key, "value": "true"}]}
    return {
        "bid": {
            "id": ids | {"provider": provider.address},
            "state": provider.state,
            "price": {"denom": provider.denom, "amount": provider.price},
            "created_at": "1",
            "resources_offer": [{"resources": {"gpu": gpu}, "count": 1}],
        },
        "escrow_account": {},
    }


def sdl_problem(sdl: dict[str, Any]) -> str | None:
    """What the chain or a provider would refuse."""
    try:
        service, compute = sdl["services"]["node"], sdl["profiles"]["compute"]["node"]
        pricing = sdl["profiles"]["placement"]["anywhere"]["pricing"]["node"]
        exposed = service["expose"][0]
        right = (
            sdl["version"] == "2.0"
            and isinstance(service["image"], str)
            and exposed["as"] == 80
            and exposed["to"] == [{"global": True}]
            and {"cpu", "memory", "storage"} <= set(compute["resources"])
            and pricing["denom"] == "uact"
            and pricing["amount"] > 0
            and sdl["deployment"]["node"]["anywhere"] == {"profile": "node", "count": 1}
        )
    except (KeyError, IndexError, TypeError) as error:
        return f"invalid SDL: {error!r}"
    return None if right else "invalid SDL"


def gpu_prices() -> dict[str, Any]:
    def model(name: str, least: float | None, free: int) -> dict[str, Any]:
        rest = {"max": 9, "avg": 1, "weightedAverage": 1, "med": 1}
        return {
            "vendor": "nvidia",
            "model": name,
            "ram": "24Gi",
            "interface": "PCIe",
            "availability": {"total": 10, "available": free},
            "providerAvailability": {"total": 2, "available": 1},
            "price": None if least is None else {"currency": "USD", "min": least, **rest},
        }

    models = [model("h100", 1.5, 3), model("a100", None, 1), model("rtx4090", 0.25, 7)]
    return {"availability": {"total": 30, "available": 11}, "models": models}


def refusal(status: int, code: str) -> Response:
    return JSONResponse({"error": "Error", "message": code, "code": code}, status)


def error(status: int) -> Callable[[], Response]:
    return lambda: refusal(status, "internal")


def kill(pid: Callable[[], int]) -> Callable[[], Response]:
    """The client is gone, as after kill -9, when the answer would come."""

    def dead() -> Response:
        os.kill(pid(), signal.SIGKILL)
        return Response(status_code=500)

    return dead
