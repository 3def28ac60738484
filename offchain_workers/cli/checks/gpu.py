# SPDX-License-Identifier: Apache-2.0
"""`fusion doctor --gpu`: from the driver to a model that really runs on the GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from statistics import median

import numpy as np

from offchain_workers.cli.checks.finding import Finding, broken, fail, ok, warn
from offchain_workers.config import Settings
from offchain_workers.engines import EngineError
from offchain_workers.engines.embedded import EmbeddedEngine, Provider
from offchain_workers.engines.hardware import gpus
from offchain_workers.models.demo import digits

_RUNS = 50
_HINTS: dict[Provider, str] = {
    "cuda": "the driver must suit CUDA 13: install the extra gpu in place of cpu, or upgrade it",
    "tensorrt": "install TensorRT 10 beside the extra gpu; without it use engine.provider = 'cuda'",
}


def driver(settings: Settings) -> Iterator[Finding]:
    """NVIDIA's driver answers and names a GPU."""
    found = gpus()
    if not found:
        hint = "install NVIDIA's driver, and give a container its GPUs (--gpus all)"
        yield fail("gpu", "MN-CLI-181", "nvidia-smi shows no GPU here", hint)
    for gpu in found:
        memory = f"{gpu.memory / (1 << 30):.0f} GiB"
        yield ok("gpu", f"{gpu.name}, {memory}, driver {gpu.driver}")


def package(settings: Settings) -> Iterator[Finding]:
    """onnxruntime comes from the package that has the GPU's providers."""
    owners = sorted(set(packages_distributions().get("onnxruntime", ())))
    if owners == ["onnxruntime-gpu"]:
        yield ok("onnxruntime", "the package onnxruntime-gpu is installed")
        return
    found = " and ".join(owners) or "none"
    hint = "uninstall what is there, then install the extra gpu"
    yield fail("onnxruntime", "MN-CLI-182", f"needed: onnxruntime-gpu; installed: {found}", hint)


def providers(settings: Settings) -> Iterator[Finding]:
    """Each provider runs a real model whole, with no help from the CPU."""
    for provider in ("cuda", "tensorrt"):
        level = fail if provider in ("cuda", settings.engine.provider) else warn
        try:
            engine = EmbeddedEngine(provider, strict=True)
        except EngineError as error:
            yield level(provider, error.code, error.message, _HINTS[provider])
            continue
        yield ok(provider, f"a session runs on {', '.join(engine.canary_providers())}")
        if provider == "cuda":
            yield from _digits(engine)


def _digits(engine: EmbeddedEngine) -> Iterator[Finding]:
    """The integer demo model answers as on the CPU, and in what time."""
    model = digits()
    inputs = {"pixels": np.frombuffer(model.samples[0][1], np.uint8)[None].astype(np.float32)}
    try:
        expected = EmbeddedEngine("cpu").load(model.spec, model.onnx_bytes).run(inputs)
        session = engine.load(model.spec, model.onnx_bytes)
        same = session.run(inputs)["logits"].tobytes() == expected["logits"].tobytes()
        times = []
        for _ in range(_RUNS):
            began = time.perf_counter()
            session.run(inputs)
            times.append(time.perf_counter() - began)
    except EngineError as error:
        yield broken("digits", error, "see the findings above")
        return
    said = f"one item in {median(times) * 1e6:.0f} us"
    if same:
        yield ok("digits", f"{said}, the CPU's answer to the bit")
    else:
        hint = "serve no method that compares answers from this machine, and report it"
        yield fail("digits", "MN-CLI-183", f"{said}, but not the CPU's answer", hint)
