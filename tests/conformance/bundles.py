# SPDX-License-Identifier: Apache-2.0
"""Every model that must give the same integers everywhere, compiled here and now."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from offchain_workers.evaluation.lines import Lines
from offchain_workers.models.demo import DemoModel, digits, magika
from scripts import build_digits_cnn, build_encoder
from verifiers.opml.bundle import HEADER_FILE, PROGRAM_FILE, WEIGHTS_FILE, Program, assemble
from verifiers.opml.compiler import ir
from verifiers.opml.compiler.compile import Options, compile_graph, encode_input
from verifiers.opml.compiler.package import program_files
from verifiers.opml.compiler.samples import encoded

Array = Any

DATA = Path(__file__).parents[1] / "data"
CALIBRATED_ON, TRIED = 24, 3
DIRECTION_FILE = "ch_ppocr_mobile_v2.0_cls_infer.onnx"
DIRECTION_VARIABLE = "FUSION_TEST_DIRECTION_MODEL"


@dataclass(frozen=True)
class Bundle:
    """``files`` of a compiled model by name; ``inputs`` (n, *shape) as its program takes them."""

    program: Program
    files: dict[str, bytes]
    inputs: Array


class AbsentError(Exception):
    """A model's file is not on this machine; says how to get it."""


def compiled(onnx: bytes, samples: Sequence[Array]) -> Bundle:
    """Tried on samples, the least and the greatest numbers, and random ones."""
    made = compile_graph(onnx, samples[:CALIBRATED_ON])
    files, _ = program_files(made, Options())
    dtype, shape = ir.DTYPE[made.program.input.quant.code], made.program.input.shape
    most = np.iinfo(dtype).max
    random = np.random.default_rng(0).integers(0, most, shape, endpoint=True)
    inputs = [encode_input(made.program, sample) for sample in samples[-TRIED:]]
    inputs += [np.full(shape, 0), np.full(shape, most), random]
    program = assemble(*(files[name] for name in (HEADER_FILE, PROGRAM_FILE, WEIGHTS_FILE)))
    return Bundle(program, files, np.stack(inputs).astype(dtype))


def _demo(model: DemoModel) -> Bundle:
    found = [encoded(model.card, raw) for _, raw, _ in model.samples]
    return compiled(model.onnx_bytes, [sample for sample in found if sample is not None])


def _digits_cnn(name: str) -> Bundle:
    images = build_digits_cnn.split()[0]
    return compiled((DATA / name).read_bytes(), list(images[:40]))


def _encoder() -> Bundle:
    tokens, _ = build_encoder.sentences(40, 3)
    return compiled((DATA / "encoder.onnx").read_bytes(), list(tokens))


def _direction() -> Bundle:
    lines, random = Lines(), np.random.default_rng(5)
    pictures = [lines.draw(random)[0] for _ in range(CALIBRATED_ON + TRIED)]
    return compiled(direction_model().read_bytes(), pictures)


def direction_model() -> Path:
    """The text-direction CNN's file. Raises AbsentError."""
    if given := os.environ.get(DIRECTION_VARIABLE):
        return Path(given)
    found = find_spec("rapidocr_onnxruntime")
    if found is None or not found.submodule_search_locations:
        raise AbsentError(
            f"the model is in the package rapidocr-onnxruntime 1.4: install it with --no-deps, "
            f"or name its {DIRECTION_FILE} in {DIRECTION_VARIABLE}"
        )
    return Path(found.submodule_search_locations[0]) / "models" / DIRECTION_FILE


MODELS: dict[str, Callable[[], Bundle]] = {
    "digits MLP": lambda: _demo(digits()),
    "digits CNN": lambda: _digits_cnn("digits_cnn.onnx"),
    "digits mobile CNN": lambda: _digits_cnn("digits_mobile.onnx"),
    "magika": lambda: _demo(magika()),
    "direction CNN": _direction,
    "encoder": _encoder,
}


@cache
def bundle(name: str) -> Bundle:
    """Of ``MODELS``. Raises AbsentError, CompileError."""
    return MODELS[name]()
