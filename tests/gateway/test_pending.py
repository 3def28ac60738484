# SPDX-License-Identifier: Apache-2.0
"""An answer that can be challenged still comes at once, and is marked so."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from offchain_workers.localnet.gateway import start_gateway
from offchain_workers.localnet.opml import WINDOW, start_market
from offchain_workers.models.demo import digits_mlp
from offchain_workers.oip import NAMES
from offchain_workers.requester.receipts import Receipt, check
from tests.gateway.world import code

SECONDS = 120.0


def final(http: httpx.Client, job_id: str, mine: Any) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while True:
        job: dict[str, Any] = http.get(f"/v1/jobs/{job_id}").json()
        if job["final"]:
            return job
        assert time.monotonic() < deadline, job
        mine()
        time.sleep(0.5)


@pytest.mark.slow
def test_the_first_answer_is_marked_until_nobody_can_challenge_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        market = start_market(stack, tmp_path, digits_mlp(), None, kind="embedded")
        net, [spec] = market.net, market.card.inputs
        gateway = start_gateway(net, own={"open": True})
        stack.callback(gateway.stop)
        gateway.await_ready()
        http = stack.enter_context(httpx.Client(base_url=gateway.endpoint, timeout=SECONDS))
        tensor = {
            "name": spec.name,
            "datatype": NAMES[spec.engine],
            "shape": [1, *spec.shape],
            "data": [0] * spec.elements,
        }
        url = f"/v2/models/{market.card.name}/infer"
        wish = {"methods": "opml"}
        two = {**tensor, "shape": [2, *spec.shape], "data": [0] * 2 * spec.elements}
        answer = http.post(url, json={"inputs": [two], "parameters": wish})
        assert (answer.status_code, code(answer)) == (422, "MN-GATE-013")  # one item a job
        answer = http.post(url, json={"inputs": [tensor], "parameters": wish})
        assert answer.status_code == 200, answer.text
        told = answer.json()["parameters"]
        assert (told["final"], told["method"]) == (False, "opml")
        receipt = Receipt.parse(told["receipt"].encode())
        assert not check(receipt, net.pool, net.network.marketplace).final
        assert http.get(f"/v1/jobs/{told['job_id']}").json()["state"] == "pending"

        net.devnet.increase_time(WINDOW + 1)
        net.devnet.mine()
        job = final(http, told["job_id"], net.devnet.mine)
        assert job["state"] == "paid"
        again = Receipt.parse(json.dumps(job["receipt"]).encode())
        assert check(again, net.pool, net.network.marketplace).final
