# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks ray`: two replicas on Ray Serve against one, on magika."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import ROOT, machine
from benchmarks.serving import client
from benchmarks.serving.hosts import NOT_INSTALLED, is_installed
from benchmarks.throughput import Figure

FASTER, CORES = 1.7, 4
# What Ray recommends for many small requests, and docs/providers.md with it.
_SETTINGS = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}

Say = Callable[[str], None]


def measure(say: Say) -> dict[str, Any]:
    """The document of ray.json. Ray's environment must be there (`make .venv-ray/.done`)."""
    assert is_installed("ray"), NOT_INSTALLED.format(kind="ray")
    say("magika on one and on two replicas of Ray Serve, by turns")
    meta = machine.facts()
    found = _measured()
    meta |= {
        "runtime": found["runtime"],
        "tool": f"load by {client.tool()}",
        "load_after": f"{machine.load()} after",
    }
    rates = found["rates"]
    figures = compared(rates, os.cpu_count() or 1)
    return {"meta": meta, "figures": [figure.document() for figure in figures], "rates": rates}


def compared(rates: Mapping[str, Sequence[float]], cores: int) -> list[Figure]:
    """Of each turn's requests per second. Replicas, client and proxies share ``cores``: with
    fewer than four the ratio says nothing about Ray, and has no goal."""
    one, two = rates["1"], rates["2"]
    ratios = [many / single for single, many in zip(one, two, strict=True)]
    least = FASTER if cores >= CORES else None
    few = "" if least else f" (no goal: {cores} cores, not {CORES})"
    return [
        Figure("one replica, requests/s", round(median(one))),
        Figure("two replicas, requests/s", round(median(two))),
        Figure(f"two replicas over one{few}", round(median(ratios), 2), least=least),
    ]


def _measured() -> dict[str, Any]:
    """Ray's own lines come before the last, which is ours."""
    command = [str(ROOT / ".venv-ray/bin/python"), "-m", "benchmarks.serving.scaled"]
    environment = {**os.environ, **_SETTINGS, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found
