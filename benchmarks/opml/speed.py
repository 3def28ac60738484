# SPDX-License-Identifier: Apache-2.0
"""How fast the integer models run beside the float ones, and what a trace takes.

Each model has processes of its own: one times all its sessions by turns, one traces.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT, machine
from benchmarks.opml import models
from benchmarks.opml.models import Compiled
from benchmarks.throughput import Figure
from verifiers.opml import bundle
from verifiers.opml.compiler import importer
from verifiers.opml.files import TRACE_FILE

MODELS = (
    models.digits,
    models.digits_cnn,
    models.digits_mobile,
    models.encoder,
    models.magika,
    models.direction,
)
LATENCY, TRACE_TIME, TRACE_MEMORY = 1.25, 20.0, 4.0
# Whose latency has a goal, and whose trace.
CONVOLUTIONS = {"digits-cnn", "magika", "direction-cnn"}
TRACED = "magika"


def measure(say: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
    """The document of opml-speed.json."""
    meta = machine.facts()
    found = [_measured(model, say) for model in models.all_of(MODELS, say)]
    figures = [figure.document() for result in found for figure in _figures(result)]
    meta["load"] += f", {machine.load()} after"
    return {"meta": meta, "figures": figures, "models": found}


def _figures(result: dict[str, Any]) -> list[Figure]:
    name, ratios, trace = result["name"], result["ratios"], result["trace"]
    most = LATENCY if name in CONVOLUTIONS else None
    figures = [Figure(f"{name}: f32 lowering / float", ratios["f32"], most=most)]
    figures += [
        Figure(f"{name}: {other} / float", ratios[other])
        for other in ("u8", "int8")
        if other in ratios
    ]
    if name == TRACED:
        times, peak = trace["over_inference"], trace["peak_over_trace"]
        figures.append(Figure(f"{name}: trace and hashing / inference", times, most=TRACE_TIME))
        figures.append(Figure(f"{name}: memory of tracing / trace", peak, most=TRACE_MEMORY))
    return figures


def _measured(model: Compiled, say: Callable[[str], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write(model, folder)
        say(f"{model.name}: quantising with onnxruntime")
        refused = _child("int8", folder)[1]
        say(f"{model.name}: timing")
        times = json.loads(_must(_child("timed", folder)))
        say(f"{model.name}: tracing")
        trace = json.loads(_must(_child("traced", folder)))
    return {"name": model.name, **times, "int8_refused": refused, "trace": trace}


def _write(model: Compiled, folder: Path) -> None:
    parsed = importer.load(model.onnx)
    feed, _ = importer.signature(parsed, "")
    fitted = [importer.fit(parsed, feed, sample) for sample in model.samples]
    np.save(folder / "float.npy", np.stack(fitted))
    (folder / "float.onnx").write_bytes(model.onnx)
    (folder / "given.bin").write_bytes(model.given)
    files = {"f32.onnx": "model.onnx", "u8.onnx": "model.u8.onnx"}
    kept = (bundle.HEADER_FILE, bundle.PROGRAM_FILE, bundle.WEIGHTS_FILE, TRACE_FILE)
    for name, source in (files | {name: name for name in kept}).items():
        (folder / name).write_bytes(model.files[source])


def _child(module: str, folder: Path) -> tuple[str, str]:
    """What it printed, and the last line of its complaint when it failed."""
    command = [sys.executable, "-m", f"benchmarks.opml.children.{module}", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode == 0:
        return done.stdout, ""
    return "", (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _must(answer: tuple[str, str]) -> str:
    printed, failure = answer
    if failure:
        raise RuntimeError(failure)
    return printed
