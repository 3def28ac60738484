# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on, and what a process takes of its memory (Linux only)."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks import ROOT

PACKAGES = ("onnxruntime", "web3", "sqlalchemy")

# Resident memory before and after models are loaded, in a process that has nothing else.
_BARE = """
import sys, onnxruntime
from benchmarks.machine import resident_bytes
def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
before = resident_bytes("self")
kept = [session(path) for path in sys.argv[1:]]
print(resident_bytes("self") - before)
"""


def facts() -> dict[str, str]:
    """Nothing that names the machine or its owner."""
    found = {"cpu": _cpu(), "cores": f"{os.cpu_count()} cores"}
    found["load"] = f"load {load()} from before"
    found["python"] = f"Python {platform.python_version()}"
    return found | {name: f"{name} {version(name)}" for name in PACKAGES}


def load() -> str:
    """Processes that wanted to run, over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def resident_bytes(pid: int | str, field: str = "VmRSS") -> int:
    """Memory of a process now; ``VmHWM`` is the most that it ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, amount = line.partition(":")
        if name == field:
            return int(amount.split()[0]) * 1024
    raise ValueError(f"/proc/{pid}/status has no {field}")


def sessions_bytes(models: Sequence[Path]) -> int:
    """What onnxruntime's sessions of the models take by themselves."""
    command = [sys.executable, "-c", _BARE, *(str(path) for path in models)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return int(answer.stdout)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, model = line.partition(":")
        if name.strip() == "model name":
            return model.strip()
    return platform.machine()
