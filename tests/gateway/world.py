# SPDX-License-Identifier: Apache-2.0
"""A gateway over real HTTP, and callers of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import httpx
import numpy as np
import onnxruntime

from offchain_workers.chain.contracts import Tier
from offchain_workers.gateway.callers import KeyEntry, new_key, read_keys, write_keys
from offchain_workers.localnet import Localnet
from offchain_workers.localnet.gateway import start_gateway
from offchain_workers.localnet.plan import ETHER, GWEI, WorkerPlan
from offchain_workers.models.wire import unpack_items

# Two are enough for a subnet with a backup; the third of the demo would only take memory.
PLANS = (
    WorkerPlan("share", Tier.WEB3_SHARE, 1_000_000 * GWEI, 3 * ETHER),
    WorkerPlan("vnode", Tier.VIRTUAL_NODE, 750_000 * GWEI, 2 * ETHER),
)
PAGE = "https://pages.example.org"
WISH: dict[str, Any] = {"model": "digits", "methods": ["none"], "members": 2}
SECONDS = 60.0


class World:
    """One gateway process on a market, from the start of a `with` block to its end."""

    def __init__(
        self, net: Localnet, name: str, open: bool = True, deposit: int = ETHER, **own: Any
    ) -> None:
        self.net = net
        self._own = {"open": open, **own}
        self.daemon = start_gateway(net, name, deposit, self._own)
        self.keys_file = net.layout.worker(name) / "keys.json"
        self.http = self.client()

    def __enter__(self) -> World:
        self.daemon.await_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.daemon.stop()

    def client(self, key: str = "") -> httpx.Client:
        """A caller, with its API key if it has one."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(
            base_url=self.daemon.endpoint, headers=headers, timeout=SECONDS, trust_env=False
        )

    def key(self, name: str, **quota: Any) -> str:
        """A new key of the running gateway."""
        key, digest = new_key()
        known = read_keys(self.keys_file)
        write_keys(self.keys_file, [*known, KeyEntry(name=name, sha256=digest, **quota)])
        return key

    def post(
        self, client: httpx.Client | None = None, count: int = 1, **more: Any
    ) -> dict[str, Any]:
        """A job that was made."""
        answer = self.ask(client, count, **more)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask(
        self, client: httpx.Client | None = None, count: int = 1, **more: Any
    ) -> httpx.Response:
        """The answer to POST /v1/jobs over the first samples."""
        headers = more.pop("headers", {})
        inputs = [{"value": self.pixels(i)} for i in range(count)]
        body = {"wish": WISH, "inputs": inputs, **more}
        return (client or self.http).post("/v1/jobs", json=body, headers=headers)

    def pixels(self, index: int) -> list[float]:
        """A sample's numbers, as a person gives them."""
        card, samples = self.card, self.net.models["digits"][1].samples
        arrays = unpack_items(card.inputs, samples[index % len(samples)][1], 1)
        found: list[float] = arrays["pixels"].reshape(-1).tolist()
        return found

    def label(self, index: int) -> str:
        """What the model says of a sample, run here."""
        session = onnxruntime.InferenceSession(self.net.models["digits"][1].onnx_bytes)
        rows = np.array([self.pixels(index)], np.float32)
        (logits,) = session.run(None, {"pixels": rows})
        return str(self.card.labels[int(np.argmax(logits))])

    @property
    def card(self) -> Any:
        return self.net.models["digits"][1].card

    def infer(
        self, client: httpx.Client | None = None, *indices: int, **more: Any
    ) -> httpx.Response:
        """POST /v2/models/digits/infer."""
        headers = more.pop("headers", {})
        rows = [self.pixels(i) for i in indices or (0,)]
        tensor = {
            "name": "pixels",
            "datatype": "FP32",
            "shape": [len(rows), 64],
            "data": [number for row in rows for number in row],
        }
        parameters = {"methods": "none", "members": 2, **more.pop("parameters", {})}
        body = {"inputs": [tensor], "parameters": parameters, **more}
        url = "/v2/models/digits/infer"
        return (client or self.http).post(url, json=body, headers=headers)

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").json()
        return found

    def await_final(self, job_id: str) -> dict[str, Any]:
        """The job once it is over."""
        deadline = time.monotonic() + SECONDS
        found: dict[str, Any]
        while not (found := self.job(job_id)).get("final"):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found


def code(answer: httpx.Response) -> str:
    """Of a refusal, in either of its forms."""
    document = answer.json()
    error = document["error"]
    return str(error["code"] if isinstance(error, dict) else document["code"])


def stream(client: httpx.Client, job_id: str, after: int = 0) -> Iterator[tuple[int, str, Any]]:
    """(id, name, data) of a job's server-sent events."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            if line.startswith(":"):
                continue
            if not line:
                if event:
                    yield int(event["id"]), event["event"], json.loads(event["data"])
                event = {}
                continue
            field, _, value = line.partition(": ")
            event[field] = value
