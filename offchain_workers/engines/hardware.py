# SPDX-License-Identifier: Apache-2.0
"""What an operator may truthfully say about its machine: facts from a real session and the system.

Declared to others, they are only claims; canaries find out. Nothing here needs a GPU or its tools.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from offchain_workers.engines.base import Engine

_QUERY = "name,uuid,memory.total,driver_version"
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU as its driver reports it; memory in bytes."""

    name: str
    uuid: str
    memory: int
    driver: str


@dataclass(frozen=True)
class Hardware:
    """Facts about this machine; ``cores`` are those this process may use, memory is in bytes.

    Where models run on servers, ``providers`` are those, and ``gpus`` is empty: theirs are unknown.
    """

    provider: str
    providers: tuple[str, ...]
    runtime: str
    python: str
    system: str
    cpu: str
    cores: int
    memory: int
    gpus: tuple[Gpu, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, for a manifest or ``--json``."""
        return asdict(self)


def inspect(engine: Engine) -> Hardware:
    """The facts, with the providers that a session of ``engine`` really gets."""
    return Hardware(
        provider=engine.provider,
        providers=engine.canary_providers(),
        runtime=engine.runtime,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        memory=_memory(),
        gpus=() if engine.provider == "oip" else gpus(),
    )


def machine(provider: str) -> str:
    """What may change a model's bits from one machine to another, in one line."""
    names = [f"{gpu.name} {gpu.driver}" for gpu in gpus()] if provider != "cpu" else []
    return ", ".join([platform.machine(), _cpu_model(), *sorted(names)])


def parse_gpus(table: str) -> tuple[Gpu, ...]:
    """nvidia-smi's CSV (no header, no units; memory in MiB); rows it can't measure are left out."""
    rows = (tuple(cell.strip() for cell in line.split(",")) for line in table.splitlines())
    return tuple(
        Gpu(row[0], row[1], int(row[2]) << 20, row[3])
        for row in rows
        if len(row) == 4 and row[2].isdecimal()
    )


def gpus() -> tuple[Gpu, ...]:
    """What nvidia-smi shows; empty without it, or without a driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()  # a tool without a working driver: there is no GPU to speak of
    return parse_gpus(done.stdout)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _memory() -> int:
    """Physical memory, or less where a container is given less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


def _all_cores() -> int:
    return os.cpu_count() or 1
