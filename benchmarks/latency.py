# SPDX-License-Identifier: Apache-2.0
"""Blocks of a second from a post to its verified answer, under each method.

What the worker computes is taken off as its own log says: the whole seconds from `job taken` to
`answer ready`, inference and, under `zkml`, proving. Part of a second is never taken off.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.throughput import Figure
from offchain_workers.chain.contracts import JobStatus
from offchain_workers.codecs import get_codec
from offchain_workers.localnet import Localnet, opml, teeml, zkml
from offchain_workers.localnet.net import NONE
from offchain_workers.models.catalog import endpoints
from offchain_workers.models.demo import digits, digits_mlp
from offchain_workers.requester.errors import JobUnfinishedError
from offchain_workers.requester.posting import Posting, Prepared
from offchain_workers.requester.results import History, history

JOBS = 24
JOB_SECONDS = 60.0
# Most blocks beyond what the worker computes.
MOST = {"none": 2, "zkml": 2, "teeml": 2, "opml": 1}
TAKEN, READY = "job taken", "answer ready"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Market:
    """A local market with one subnet; ``inputs`` as the model's codec takes them."""

    net: Localnet
    posting: Posting
    inputs: Sequence[bytes]


@dataclass(frozen=True)
class Answered:
    """One job. ``blocks`` from the post to its answer; ``worked``: the worker's seconds of
    inference and proving; ``pending``: whether the answer said that it can be challenged still."""

    blocks: int
    worked: float
    pending: bool

    @property
    def beyond(self) -> int:
        """Blocks beside the worker's whole seconds."""
        return self.blocks - math.floor(self.worked)


def measure(say: Say = lambda step: None) -> dict[str, Any]:
    """The document of latency.json. Raises FusionError, MN-DEV-001 without anvil."""
    meta = machine.facts()
    found = {method: _measured(method, say) for method in STARTS}
    meta["load_after"] = f"{machine.load()} after"
    return {
        "meta": meta,
        "figures": [f.document() for name, jobs in found.items() for f in figures(name, jobs)],
        "methods": {method: _summary(jobs) for method, jobs in found.items()},
    }


def figures(method: str, jobs: Sequence[Answered]) -> list[Figure]:
    """Of one method."""
    eager = method == "opml"
    what = f"{method}: blocks from post to {'first answer' if eager else 'paid'}, slowest job"
    worked = round(median(job.worked for job in jobs), 2)
    found = [
        Figure(what, max(job.beyond for job in jobs), most=MOST[method]),
        Figure(f"{method}: seconds that the worker computes, median", worked),
    ]
    if eager:
        marked = sum(job.pending for job in jobs)
        found.append(Figure("opml: first answers marked as not final", marked, least=len(jobs)))
    return found


def worked_seconds(log: str, job_id: bytes) -> float:
    """From the job's start to its answer by a worker's log. Raises ValueError without both."""
    times: dict[str, datetime] = {}
    for line in log.splitlines():
        if job_id.hex() not in line:
            continue
        entry = json.loads(line)
        if entry["event"] in (TAKEN, READY):
            times[entry["event"]] = datetime.fromisoformat(entry["timestamp"])
    if times.keys() != {TAKEN, READY}:
        raise ValueError(f"the log does not say when 0x{job_id.hex()} was taken and answered")
    return (times[READY] - times[TAKEN]).total_seconds()


def _measured(method: str, say: Say) -> list[Answered]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        market = STARTS[method](stack, folder, say)
        say(f"{method}: one job at a time, a block a second")
        market.net.devnet.rpc("evm_setAutomine", False)
        market.net.devnet.rpc("evm_setIntervalMining", 1)
        return [_answered(market, index) for index in range(JOBS)]


def _answered(market: Market, index: int) -> Answered:
    """A job that is posted at another moment between two blocks than the one before."""
    time.sleep(index / JOBS)
    net, wallet = market.net, market.net.wallet("requester")
    card = market.posting.card
    item = get_codec(card.codec).encode(card, market.inputs[index % len(market.inputs)])
    prepared = market.posting.prepare(wallet.address, [item])
    wallet.send(prepared.call)
    past = _await_answer(net, prepared)
    blocks = {event.name: event.block_number for event in past.events}
    pending = past.job.status is JobStatus.PENDING
    end = blocks["JobDelivered" if pending else "JobClosed"]
    worker = next(one for one in net.workers if one.address == past.job.operator)
    worked = worked_seconds(worker.log.read_text(), prepared.job_id)
    return Answered(end - blocks["JobPosted"], worked, pending)


def _await_answer(net: Localnet, prepared: Prepared) -> History:
    deadline = time.monotonic() + JOB_SECONDS
    while net.network.marketplace.job(prepared.job_id).status is JobStatus.OPEN:
        if time.monotonic() > deadline:
            raise JobUnfinishedError(f"0x{prepared.job_id.hex()} is not answered")
        time.sleep(0.02)
    past = history(net.pool, net.network, prepared.job_id)
    if not past.is_answered:
        raise JobUnfinishedError(f"0x{prepared.job_id.hex()} was refunded")
    return past


def _summary(jobs: Sequence[Answered]) -> dict[str, Any]:
    """How many jobs took how many blocks, in all and beyond computing; seconds of computing."""
    worked = sorted(job.worked for job in jobs)
    return {
        "jobs": len(jobs),
        "blocks": _counted([job.blocks for job in jobs]),
        "beyond": _counted([job.beyond for job in jobs]),
        "worked": {"median": round(median(worked), 3), "most": round(worked[-1], 3)},
    }


def _counted(blocks: Sequence[int]) -> dict[str, int]:
    counts = Counter(blocks)
    return {str(number): counts[number] for number in sorted(counts)}


def _none(stack: ExitStack, folder: Path, say: Say) -> Market:
    model = digits()
    net = stack.enter_context(Localnet(folder, kind="anvil", models=lambda: (model,), say=say))
    name, network = model.card.name, net.network
    spec = net.spec(name)
    net.form(spec, net.wallet("requester"))
    latest = network.subnets.latest_subnet(spec)
    subnet = network.subnets.subnet(latest[0]) if latest else None
    assert subnet is not None  # just formed
    announced = endpoints(net.pool, network)
    posting = Posting(network, subnet, net.models[name][0], model.card, NONE, announced)
    return Market(net, posting, [raw for _, raw, _ in model.samples])


def _zkml(stack: ExitStack, folder: Path, say: Say) -> Market:
    net, model, posting = zkml.start_market(stack, folder, "anvil", say)
    return Market(net, posting, [raw for _, raw, _ in model.samples])


def _teeml(stack: ExitStack, folder: Path, say: Say) -> Market:
    market = teeml.start_market(stack, folder, "anvil", say)
    return Market(market.net, market.posting, [raw for _, raw, _ in market.model.samples])


def _opml(stack: ExitStack, folder: Path, say: Say) -> Market:
    market = opml.start_market(stack, folder, digits_mlp(), None, "anvil", say=say)
    return Market(market.net, market.posting, [raw for _, raw, _ in market.model.samples])


STARTS: dict[str, Callable[[ExitStack, Path, Say], Market]] = {
    "none": _none,
    "zkml": _zkml,
    "teeml": _teeml,
    "opml": _opml,
}
