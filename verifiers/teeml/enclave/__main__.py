# SPDX-License-Identifier: Apache-2.0
"""`python -m verifiers.teeml.enclave`: what is started inside trusted hardware.

Its arguments belong to what is measured. It prints nothing of what it is given.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import sys
import threading
from pathlib import Path

from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.errors import FusionError
from verifiers.teeml.enclave.serve import Server
from verifiers.teeml.enclave.service import Service
from verifiers.teeml.errors import GpuClaimsError, ProviderError, SimulationRefusedError
from verifiers.teeml.gpus import Golden, Gpus, Nvml
from verifiers.teeml.providers import (
    ConfigfsTsm,
    Dstack,
    Gramine,
    QuoteProvider,
    SimulatedProvider,
    find_provider,
)
from verifiers.teeml.simulated import Platform
from verifiers.teeml.simulated.gpu import SimulatedGpu, root_point

# Of linux/prctl.h.
_PR_SET_DUMPABLE = 4
_KINDS = {"configfs-tsm": ConfigfsTsm, "dstack": Dstack, "gramine": Gramine}


def provider(kind: str, platform: str, chain_id: int) -> QuoteProvider:
    """Raises ProviderError where there is no such hardware, SimulationRefusedError."""
    if kind == "simulated":
        return SimulatedProvider(Platform(label=platform), chain_id)
    found = find_provider() if kind == "auto" else _KINDS[kind]()
    if found is None or not found.available():
        raise ProviderError(f"no trusted hardware here ({kind})")
    return found


def gpus(kind: str, golden: Path | None, source: QuoteProvider, platform: str) -> Gpus | None:
    """Raises GpuClaimsError, SimulationRefusedError: beside real hardware no GPU is simulated."""
    if kind == "none":
        return None
    if kind == "simulated":
        if not source.simulated:
            raise SimulationRefusedError("no simulated GPU beside trusted hardware")
        return Gpus(SimulatedGpu(platform), SimulatedGpu.golden(), root_point())
    if golden is None:
        raise GpuClaimsError("--gpu-golden names no list of the vendor's measurements")
    try:
        return Gpus(Nvml(), Golden.parse(golden.read_bytes()))
    except OSError as error:
        raise GpuClaimsError(f"can't read {golden}: {error.strerror}") from error


def _leave_no_dump() -> None:
    """Neither a core file, nor one to a program, nor a debugger of the same user's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> int:
    _leave_no_dump()
    parser = argparse.ArgumentParser(prog="enclave")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--provider", choices=["auto", "simulated", *_KINDS], default="auto")
    parser.add_argument("--engine", choices=["cpu", "cuda", "tensorrt", "auto"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--platform", default="platform", help="simulated: which machine")
    parser.add_argument("--chain", type=int, default=0, help="simulated: a development chain")
    parser.add_argument("--parent", type=int, default=0, help="end when this process has ended")
    parser.add_argument("--gpu", choices=["none", "nvml", "simulated"], default="none")
    parser.add_argument("--gpu-golden", type=Path, help="the vendor's measurements, JSON")
    asked = parser.parse_args()
    try:
        source = provider(asked.provider, asked.platform, asked.chain)
        around = gpus(asked.gpu, asked.gpu_golden, source, asked.platform)
        service = Service(source, EmbeddedEngine(asked.engine, asked.threads), around)
    except FusionError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    server = Server(service, asked.socket)
    if asked.parent:
        threading.Thread(target=_end_with, args=(asked.parent, server), daemon=True).start()
    server.run()
    return 0


def _end_with(parent: int, server: Server) -> None:
    """Whoever is left behind by a killed parent gets another one."""
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(1.0)
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
