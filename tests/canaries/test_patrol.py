# SPDX-License-Identifier: Apache-2.0
"""Liars, boasters and the merely slow, as real processes with a real model under users' load."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from eth_account import Account

from benchmarks import ROOT
from offchain_workers.balancing import Attempt, Balancer, Caller, Settings
from offchain_workers.canaries import (
    Claim,
    Finding,
    Inputs,
    Patrol,
    Verdict,
    Yardstick,
    observed,
    open_observations,
    sign_observations,
)
from offchain_workers.engines import ModelRunner
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.hardware import Gpu, Hardware
from offchain_workers.manifest import Place, build_manifest, verify_manifest
from offchain_workers.models.demo import digits

DIGITS = digits()
SAMPLES = [raw for _, raw, _ in DIGITS.samples]
SMALL, LARGE = 1, 16
# What sixteen items are said to take on one core: a load that tells.
CPU_SECONDS = 0.12
PER_ITEM_ON_CPU = CPU_SECONDS / (LARGE - SMALL)
PATIENCE = 60.0
NODE = Path(__file__).with_name("node.py")


SLOW = ("--per-item", str(PER_ITEM_ON_CPU))
KINDS = {
    "honest": (),
    "other": (),
    "quick": (),
    "slow": SLOW,
    "spoofer": SLOW,
    "liar": ("--wrong",),
    "refuser": ("--refuse",),
}
BOASTERS = ("quick", "spoofer")
PLACE = Place(31337, "0x" + "11" * 20)


def write_manifest(path: Path, boasts: bool) -> Path:
    """One that says that models run on a GPU, or on a CPU."""
    gpus = (Gpu("NVIDIA H100 80GB HBM3", "GPU-0", 80 << 30, "570.0"),) if boasts else ()
    provider = "cuda" if boasts else "cpu"
    machine = Hardware(provider, (), "1", "3.11", "Linux x86_64", "cpu", 1, 1 << 30, gpus)
    account = Account.create()
    path.write_bytes(
        build_manifest(account, PLACE, "http://x", machine, [], ["none"], {}, bytes(32), 1)
    )
    return path


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The URL of a node of each kind."""
    folder = tmp_path_factory.mktemp("manifests")
    with ExitStack() as stack:
        started = {}
        for name, options in KINDS.items():
            manifest = write_manifest(folder / name, name in BOASTERS)
            process = subprocess.Popen(
                [sys.executable, str(NODE), *options, "--manifest", str(manifest)],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started[name] = process
        yield {name: _url(process) for name, process in started.items()}


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return f"http://127.0.0.1:{int(process.stdout.readline())}"


@pytest.fixture(scope="module")
def runner() -> Iterator[ModelRunner]:
    session = EmbeddedEngine().load(DIGITS.spec, DIGITS.onnx_bytes)
    runner = ModelRunner(session, DIGITS.card)
    yield runner
    runner.close()


class World:
    """A gateway: its balancer, its users, its patrol."""

    def __init__(self, urls: Sequence[str], runner: ModelRunner, knows: bool) -> None:
        self.urls = urls
        self.asked: Counter[str] = Counter()
        self.runner = runner
        self.http = httpx.Client(trust_env=False, timeout=10)
        self.balancer = Balancer(urls, Settings(decay=0.5))
        self.caller: Caller[bytes] = Caller(self.balancer, self._serve)
        inputs = Inputs(DIGITS.card, SAMPLES, random.Random(7), sizes=(SMALL, LARGE))
        self.patrol = Patrol(
            self.balancer, DIGITS.card, inputs, self.ask, self.right if knows else None
        )

    def right(self, items: Sequence[bytes]) -> bytes:
        return self.runner.submit(b"".join(items)).result()

    def ask(self, target: str, items: Sequence[bytes]) -> bytes:
        """Users' requests and canaries alike."""
        response = self.http.post(f"{target}/infer", content=b"".join(items))
        response.raise_for_status()
        return response.content

    def _serve(self, attempt: Attempt) -> bytes:
        self.asked[attempt.target] += 1
        return self.ask(attempt.target, [SAMPLES[0]])

    def users(self, count: int = 30) -> Counter[str]:
        """Who served so many requests of users."""
        self.asked.clear()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self.caller.call(), range(count)))
        return self.asked

    def state(self, target: str) -> str:
        return next(view.state for view in self.balancer.view() if view.target == target)

    def under_patrol_until_found_out(self, outcast: str) -> None:
        """Users and canaries at once; then users alone, none of whom meets the outcast."""
        stop = threading.Event()
        patrol = threading.Thread(target=self.patrol.run, args=(0.01, stop))
        patrol.start()
        deadline = time.monotonic() + PATIENCE
        try:
            while self.state(outcast) != "quarantined":
                assert time.monotonic() < deadline, "it was not found out"
                self.users(10)
        finally:
            stop.set()
            patrol.join()
        assert self.users(60)[outcast] == 0

    def close(self) -> None:
        self.caller.close()
        self.http.close()


@contextmanager
def world(urls: Sequence[str], runner: ModelRunner, knows: bool = True) -> Iterator[World]:
    made = World(urls, runner, knows)
    try:
        yield made
    finally:
        made.close()


def test_a_spoofed_manifest_soon_gets_no_traffic_and_the_honest_keep_theirs(
    nodes: dict[str, str],
    runner: ModelRunner,
) -> None:
    real, spoofer, modest, plain = (nodes[n] for n in ("quick", "spoofer", "slow", "honest"))
    with world([real, spoofer, modest, plain], runner) as w:
        for url in w.urls:
            body = verify_manifest(w.http.get(f"{url}/manifest").content, PLACE)
            w.patrol.expect(url, Claim.of(body), Yardstick(SMALL, LARGE, CPU_SECONDS))
        w.under_patrol_until_found_out(spoofer)
        # The modest one is as slow, and says so.
        assert [w.state(url) for url in (real, modest, plain)] == ["closed"] * 3
        found = w.patrol.tally.take()
        assert found[spoofer].claim is Finding.REFUTED
        assert found[spoofer].counts[Verdict.WRONG] == 0, "its answers were right"
        assert w.users()[real] > 0


@pytest.mark.parametrize("knows", [True, False])
def test_a_liar_soon_gets_no_traffic(
    nodes: dict[str, str], runner: ModelRunner, knows: bool
) -> None:
    liar = nodes["liar"]
    with world([nodes["honest"], liar, nodes["other"]], runner, knows) as w:
        w.under_patrol_until_found_out(liar)
        found = w.patrol.tally.take()
        assert found[liar].counts[Verdict.WRONG] > 0
        honest = [found[url] for url in w.urls if url != liar and url in found]
        assert all(record.counts[Verdict.WRONG] == 0 for record in honest)
        _tell_others(w, liar)


def _tell_others(w: World, liar: str) -> None:
    """What the patrol saw, signed, read by somebody else."""
    gateway, operator = Account.create(), Account.create().address
    while w.patrol.round().get(liar) is None:
        pass
    record = w.patrol.tally.take()[liar]
    entry = observed(operator, bytes(32), record)
    document = sign_observations(gateway, PLACE.chain_id, PLACE.registry, [entry], 0, 60)
    told = open_observations(document)
    assert told.observer == gateway.address
    assert told.observed[0].wrong == record.counts[Verdict.WRONG] > 0


def test_without_a_majority_nobody_is_convicted(nodes: dict[str, str], runner: ModelRunner) -> None:
    with world([nodes["honest"], nodes["liar"]], runner, knows=False) as w:
        verdicts = {verdict for _ in range(5) for verdict in w.patrol.round().values()}
        assert verdicts == {Verdict.UNDECIDED}
        assert {view.state for view in w.balancer.view()} == {"closed"}


def test_who_refuses_a_good_input_or_is_not_there_is_told_apart(
    nodes: dict[str, str], runner: ModelRunner
) -> None:
    refuser, nobody = nodes["refuser"], "http://127.0.0.1:9"
    with world([refuser, nobody, "http://127.0.0.1:10"], runner) as w:
        seen: dict[str, Verdict] = {}
        while not {refuser, nobody} <= seen.keys():
            seen |= w.patrol.round()
        assert seen[refuser] is Verdict.REFUSED
        assert seen[nobody] is Verdict.UNHEARD
        assert w.state(refuser) == "quarantined"
