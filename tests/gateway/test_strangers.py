# SPDX-License-Identifier: Apache-2.0
"""Strangers publish what no program expects, on a market of processes: everybody else goes on."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import ModelRecord, Network
from offchain_workers.chain.db import Database
from offchain_workers.gateway.callers import Caller, Quota
from offchain_workers.gateway.errors import SpendCapError
from offchain_workers.gateway.purse import Purse
from offchain_workers.gateway.tables import GATEWAY_SCHEMA
from offchain_workers.localnet import Localnet
from tests.gateway.world import SECONDS, World

ETHER = 10**18
# No UTF-8, no host that can be looked up, nobody listens, no address of the internet.
STRANGE = (b"\xff\xfe\x00\xc0", b"http://xn--a", b"http://127.0.0.1:9", b"http://a..b/%00")


def with_text(call: Call, text: bytes) -> Call:
    """The call with these bytes in place of its string of as many `u`."""
    placeholder = b"u" * len(text)
    assert call.data.count(placeholder) == 1
    return replace(call, data=call.data.replace(placeholder, text))


def intrude(net: Localnet) -> None:
    """A stranger's operator, and models under the names of files that nobody has."""
    net.fund(["stranger"])
    stranger, network = net.wallet("stranger"), net.network
    register = network.subnets.register(bytes(32), "u" * len(STRANGE[0]), 2 * ETHER)
    stranger.send(with_text(register, STRANGE[0]))
    for number, uri in enumerate(STRANGE, 1):
        record = ModelRecord(bytes([number]) * 32, bytes([number]) * 32)
        stranger.send(with_text(network.models.publish(record, "u" * len(uri)), uri))


def followed(world: World) -> None:
    """Return once the gateway's plans are of a block that has them all."""
    head, deadline = world.net.pool.w3.eth.block_number, time.monotonic() + SECONDS
    wish = {"task": "digits", "members": 2}
    while world.http.post("/v1/plan", json=wish).json()["record"]["place"]["block"] < head:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_market_with_strange_models_and_operators_goes_on(shared: World) -> None:
    intrude(shared.net)
    followed(shared)
    plan = shared.http.post("/v1/plan", json={"task": "digits", "members": 2}).json()
    assert plan["choice"]["name"] == "digits"
    unreadable = {row["model"] for row in plan["record"]["classes"] if row["reasons"] == ["card"]}
    assert len(unreadable) == len(STRANGE)
    assert [model["name"] for model in shared.http.get("/v1/models").json()] == ["digits"]
    for wish in ({"task": "digits", "members": 2}, {"model": "digits", "members": 2}):
        job = shared.await_final(shared.post(wish=wish)["id"])
        assert job["state"] == "paid"
    assert all(worker.process.poll() is None for worker in shared.net.workers)


def purse(network: Network, folder: Path, clock: list[float]) -> Purse:
    db = Database(f"sqlite:///{folder / 'purse.db'}", {"gateway": GATEWAY_SCHEMA})
    return Purse(db, network, "0x" + "11" * 20, ETHER, lambda: clock[0])


@pytest.mark.parametrize("jump", [-86_400.0, -1.0, 0.0, 3_599.0])
def test_a_clock_that_jumps_frees_no_money_before_its_hour(
    market: Localnet, tmp_path: Path, jump: float
) -> None:
    clock = [1_700_000_000.0]
    kept = purse(market.network, tmp_path, clock)
    quota = Quota(
        requests_per_minute=60, spend_per_hour=100, max_in_flight=1_000, blob_bytes_per_hour=1
    )
    caller = Caller(name="caller", quota=quota, may_spend=True)
    kept.reserve(caller, 100, 1)
    clock[0] += jump
    with pytest.raises(SpendCapError):
        kept.reserve(caller, 1, 1)
    clock[0] = 1_700_000_000.0 + 3_600
    kept.reserve(caller, 100, 1)
