# SPDX-License-Identifier: Apache-2.0
"""Ten nodes, four routers that don't know of one another, and a slowdown that nobody announces."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import exp, log, sqrt
from statistics import mean, stdev
from typing import Any

from benchmarks import ROOT, machine
from benchmarks.balancing.policies import POLICIES, quantiles

# Mean service time in seconds of each node; a node has SLOTS places.
NODES = (0.010, 0.010, 0.030, 0.030, 0.030, 0.030, 0.120, 0.120, 0.120, 0.120)
SLOTS = 4
SIGMA = 0.2
LOAD = 0.5
ROUTERS = 4
# The first node is so many times slower during this part of a run.
FACTOR, SLOW_FROM, SLOW_UNTIL = 15, 0.4, 0.6
SECONDS = 20.0
REPEATS = 5
SHARES = (0.5, 0.95, 0.99, 0.999)
GOAL = 5.0
# A machine too busy to send 99 of 100 requests in time measures itself. Seconds.
MOST_LATE = 0.025
TRIES = 3
# Student's t for 95 % (two-sided) by degrees of freedom.
_T95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


class BusyMachineError(RuntimeError):
    """No figure came of it."""


def measure(
    say: Callable[[str], None] = lambda step: None,
    seconds: float = SECONDS,
    repeats: int = REPEATS,
) -> dict[str, Any]:
    """The document of balancing.json; ``seconds`` of a run, ``repeats`` of each policy by turns.

    Raises BusyMachineError.
    """
    meta = machine.facts()
    runs: dict[str, list[list[float]]] = {name: [] for name in POLICIES}
    dropped = 0
    with ten_nodes() as ports:
        while len(runs["ours"]) < repeats:
            turn = _turn(ports, seconds, len(runs["ours"]) + dropped, say)
            if turn is None:
                dropped += 1
                if dropped > TRIES * repeats:
                    raise BusyMachineError("this machine is too busy to send requests in time")
                continue
            for name, found in turn.items():
                runs[name].append(found)
    return {
        "meta": meta,
        "dropped": dropped,
        "setting": {
            "nodes": NODES,
            "slots": SLOTS,
            "load": LOAD,
            "seconds": seconds,
            "shares": SHARES,
        },
        "runs": {name: _milliseconds(found) for name, found in runs.items()},
        "figures": [
            _figure(f"p99 of {other} / ours", ratio(runs[other], runs["ours"]), goal)
            for other, goal in (("two-choices", GOAL), ("two-choices-ewma", None))
        ],
    }


def _turn(
    ports: Sequence[int], seconds: float, seed: int, say: Callable[[str], None]
) -> dict[str, list[float]] | None:
    """Quantiles of a run of each policy, or None when requests of any were late."""
    turn = {}
    for name in POLICIES:
        latencies, lateness = run(name, ports, seconds, seed)
        late = quantiles(lateness, (0.99,))[0]
        if late > MOST_LATE:
            say(f"{name}: sent {late * 1e3:.0f} ms late, the turn does not count")
            return None
        turn[name] = quantiles(latencies, SHARES)
        say(f"turn {seed + 1}, {name}: p99 {turn[name][2] * 1e3:.0f} ms")
    return turn


def ratio(theirs: Sequence[Sequence[float]], ours: Sequence[Sequence[float]]) -> list[float]:
    """Mean ratio of the p99 over repeats, and its 95 % interval (of the logarithms' mean)."""
    logs = [log(other[2] / own[2]) for other, own in zip(theirs, ours, strict=True)]
    half = _T95[len(logs) - 1] * stdev(logs) / sqrt(len(logs))
    return [exp(mean(logs)), exp(mean(logs) - half), exp(mean(logs) + half)]


def _figure(name: str, found: list[float], goal: float | None) -> dict[str, Any]:
    middle, low, high = (round(value, 2) for value in found)
    return {
        "name": name,
        "measured": middle,
        "interval": [low, high],
        "goal": "" if goal is None else f">= {goal:g}",
        "met": None if goal is None else low >= goal,
    }


def _milliseconds(found: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[round(value * 1e3, 1) for value in one] for one in found]


@contextmanager
def ten_nodes() -> Iterator[list[int]]:
    """Their ports."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_node(seconds)) for seconds in NODES]
        yield [_port(process) for process in processes]


def run(
    name: str, ports: Sequence[int], seconds: float, seed: int
) -> tuple[list[float], list[float]]:
    """Latencies and lateness in seconds of all routers' requests."""
    capacity = sum(SLOTS / mean_time for mean_time in NODES)
    rate = LOAD * capacity / ROUTERS
    routers = [
        _python(
            "router", f"--policy={name}", f"--rate={rate}", f"--seconds={seconds}",
            f"--seed={seed * ROUTERS + i}", *map(str, ports),
        )
        for i in range(ROUTERS)
    ]  # fmt: skip
    time.sleep(SLOW_FROM * seconds)
    _control(ports[0], FACTOR)
    time.sleep((SLOW_UNTIL - SLOW_FROM) * seconds)
    _control(ports[0], 1)
    latencies: list[float] = []
    lateness: list[float] = []
    for router in routers:
        printed = json.loads(router.communicate()[0])
        latencies += printed["latencies"]
        lateness += printed["lateness"]
    return latencies, lateness


@contextmanager
def _node(seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Ends with its stdin."""
    with _python("node", f"--seconds={seconds}", f"--sigma={SIGMA}", f"--slots={SLOTS}") as node:
        yield node


def _python(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.balancing.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def _port(node: subprocess.Popen[str]) -> int:
    assert node.stdout is not None
    return int(node.stdout.readline())


def _control(port: int, factor: float) -> None:
    body = json.dumps({"factor": factor}).encode()
    url = f"http://127.0.0.1:{port}/control"
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")).read()
