# SPDX-License-Identifier: Apache-2.0
"""Processors to run lowerings on: this one, others by emulation, and a GPU."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import ProviderUnavailableError
from tests.conformance.bundles import Bundle

RUNNER = Path(__file__).with_name("runner.py")
LOWERINGS = {"f32": "model.onnx", "u8": "model.u8.onnx"}
CUDA_LOWERING = {"cuda": "model.cuda.onnx"}
# And what each has of the features that runner.py names.
EMULATED: dict[str, set[str]] = {
    "Haswell": {"SSE42", "AVX", "AVX2"},
    "SandyBridge": {"SSE42", "AVX"},
    "Nehalem": {"SSE42"},
}
NATIVE, GPU = "native", "CUDA"
CPUS = (NATIVE, *EMULATED)
# Emulated processors are slow: a sample and the random input are enough for them.
FEW = (0, -1)
WAYS = ("alone", "batched")
_EMULATORS = ("qemu-x86_64", "qemu-x86_64-static")
_SECONDS = 1_800


@dataclass(frozen=True)
class Run:
    """Items whose hash differs from the reference's, by (lowering, level, "alone" or "batched")."""

    features: dict[str, bool]
    items: int
    wrong: dict[tuple[str, str, str], int]


def emulator() -> str | None:
    """Why other processors can't be run here; None when they can."""
    if sys.platform != "linux" or not any(map(shutil.which, _EMULATORS)):
        return "qemu-x86_64 was not found: apt-get install qemu-user"
    return None


def gpu() -> str | None:
    """Why CUDA can't be used here; None when it can."""
    try:
        EmbeddedEngine("cuda")
    except ProviderUnavailableError as error:
        return f"no GPU: {error.message}"
    return None


def command(cpu: str) -> list[str]:
    """What runs the interpreter on a processor."""
    if cpu not in EMULATED:
        return [sys.executable]
    return [qemu(), "-cpu", cpu, sys.executable]


def qemu() -> str:
    """The emulator's name, where ``emulator`` finds one."""
    return next(name for name in _EMULATORS if shutil.which(name))


def run(bundle: Bundle, on: str, folder: Path) -> Run:
    """On a processor: all of its lowerings at all levels, beside the reference.

    Raises CalledProcessError when the interpreter ends badly.
    """
    lowerings = CUDA_LOWERING if on == GPU else LOWERINGS
    for name in lowerings.values():
        (folder / name).write_bytes(bundle.files[name])
    inputs = bundle.inputs[list(FEW)] if on in EMULATED else bundle.inputs
    np.save(folder / "inputs.npy", inputs)
    provider = "cuda" if on == GPU else "cpu"
    found = _ask([*command(on), "-I", str(RUNNER), str(folder), provider, *lowerings.values()])
    want = expected(bundle, inputs)
    wrong = {
        (lowering, level, how): sum(a != b for a, b in zip(want, hashes[how], strict=True))
        for lowering, name in lowerings.items()
        for level, hashes in found["hashes"][name].items()
        for how in WAYS
    }
    return Run(found["features"], len(want), wrong)


def _ask(args: list[str]) -> Any:
    done = subprocess.run(args, check=True, stdout=subprocess.PIPE, timeout=_SECONDS)
    return json.loads(done.stdout)


def expected(bundle: Bundle, inputs: Any) -> list[str]:
    """Each input's output by the reference, hashed."""
    output = bundle.program.header.output_node
    made = (bundle.program.execution(given.tobytes()) for given in inputs)
    return [hashlib.sha256(done.outputs[output].data).hexdigest() for done in made]
