# SPDX-License-Identifier: Apache-2.0
"""How much one worker gets through, how fast, and in how much memory."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from benchmarks import machine
from benchmarks.load import Load
from offchain_workers.localnet import WORKERS, Localnet

JOBS = 100
TURNS = 4
BATCHES = 8
BATCH = 256
TIMED_JOBS = 24


@dataclass(frozen=True)
class Figure:
    """What was measured; ``least`` or ``most``: what it should be, if anything."""

    name: str
    measured: float
    least: float | None = None
    most: float | None = None

    def document(self) -> dict[str, Any]:
        """``met`` is null where there is no goal."""
        goal, met = "", None
        if self.least is not None:
            goal, met = f">= {self.least:,.10g}", self.measured >= self.least
        if self.most is not None:
            goal, met = f"<= {self.most:,.10g}", self.measured <= self.most
        return {"name": self.name, "measured": self.measured, "goal": goal, "met": met}


@dataclass(frozen=True)
class Rates:
    """A second: jobs of one input, answers in batches, bare transactions in two ways."""

    jobs: float
    batched_answers: float
    plain: float
    raw: float


@dataclass(frozen=True)
class Memory:
    """Bytes: the worker at rest, the most it had by the end, the models alone in onnxruntime."""

    at_rest: int
    peak: int
    sessions: int

    @property
    def beside_models(self) -> int:
        return self.at_rest - self.sessions


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of throughput.json. Raises FusionError, MN-DEV-001 without anvil."""
    meta = machine.facts()
    with (
        tempfile.TemporaryDirectory() as folder,
        Localnet(Path(folder), kind="anvil", workers=WORKERS[:1], say=say) as net,
    ):
        load = Load(net)
        pid = net.workers[0].process.pid
        at_rest = machine.resident_bytes(pid)
        rates = _rates(load, say)
        blocks, seconds = _delays(net, load, say)
        peak = machine.resident_bytes(pid, "VmHWM")
        memory = Memory(at_rest, peak, _sessions(net))
    return {
        "meta": meta,
        "figures": [figure.document() for figure in _figures(rates, memory, blocks)],
        "rates": {name: round(rate, 1) for name, rate in asdict(rates).items()},
        "memory": asdict(memory),
        "delay": {"blocks": blocks, "seconds": seconds, "jobs": TIMED_JOBS},
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """The file that README.md's table is made from."""
    path.write_text(json.dumps(document, indent=1) + "\n")


def _rates(load: Load, say: Callable[[str], None]) -> Rates:
    """Bare transactions and jobs by turns, so that a machine that slows down is seen in both."""
    load.rate(JOBS // 10)  # the first jobs find nothing warm
    jobs, plain, raw, batches = [], [], [], []
    for turn in range(1, TURNS + 1):
        say(f"bare transactions, then jobs back to back, {turn} of {TURNS}")
        plain.append(load.sender.plain_rate(JOBS))
        raw.append(load.sender.raw_rate(JOBS))
        jobs.append(load.rate(JOBS))
        batches.append(load.rate(BATCHES, BATCH))
    answers = BATCH * harmonic_mean(batches)
    return Rates(harmonic_mean(jobs), answers, harmonic_mean(plain), harmonic_mean(raw))


def _delays(
    net: Localnet, load: Load, say: Callable[[str], None]
) -> tuple[dict[str, int], dict[str, float]]:
    """How many jobs took how many blocks of a second each; and seconds: median, most."""
    say("one job at a time, a block a second")
    net.devnet.rpc("evm_setAutomine", False)
    net.devnet.rpc("evm_setIntervalMining", 1)
    delays = load.delays(TIMED_JOBS)
    counts = Counter(delay.blocks for delay in delays)
    seconds = sorted(delay.seconds for delay in delays)
    return (
        {str(blocks): counts[blocks] for blocks in sorted(counts)},
        {"median": round(seconds[len(seconds) // 2], 2), "most": round(seconds[-1], 2)},
    )


def _sessions(net: Localnet) -> int:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, (_, model) in net.models.items():
            paths.append(Path(folder) / f"{name}.onnx")
            paths[-1].write_bytes(model.onnx_bytes)
        return machine.sessions_bytes(paths)


def _figures(rates: Rates, memory: Memory, blocks: dict[str, int]) -> list[Figure]:
    ratio, raw_ratio = rates.jobs / rates.plain, rates.jobs / rates.raw
    slowest = max(int(count) for count in blocks)
    beside = round(memory.beside_models / 10**6)
    return [
        Figure("jobs a second / bare transactions a second", round(ratio, 2), least=0.8),
        Figure("the same against transactions signed beforehand", round(raw_ratio, 2)),
        Figure("answers a second in batches of 256", round(rates.batched_answers)),
        Figure("worker at rest beside its models, MB", beside, most=200),
        Figure("blocks of a second from post to paid, slowest job", slowest, most=2),
    ]
