# SPDX-License-Identifier: Apache-2.0
"""The demo's models, compiled for method `opml` here and now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT
from offchain_workers.models.demo import DemoModel
from offchain_workers.models.demo import digits as demo_digits
from offchain_workers.models.demo import magika as demo_magika
from verifiers.opml import bundle
from verifiers.opml.bundle import Program
from verifiers.opml.compiler.compile import Options, compile_graph, encode_input
from verifiers.opml.compiler.package import program_files
from verifiers.opml.compiler.samples import encoded
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header

Array = Any
Say = Callable[[str], None]
DATA = ROOT / "tests" / "data"


@dataclass(frozen=True)
class Compiled:
    """A model with its bundle's files. ``samples`` as the float model takes them, ``given`` the
    first as the program's input."""

    name: str
    onnx: bytes
    samples: Sequence[Array]
    given: bytes
    files: dict[str, bytes]
    header: Header

    @cached_property
    def program(self) -> Program:
        parts = (bundle.HEADER_FILE, bundle.PROGRAM_FILE, bundle.WEIGHTS_FILE)
        return bundle.assemble(*(self.files[name] for name in parts))

    @cached_property
    def execution(self) -> Execution:
        """What ``given`` makes, by the reference."""
        return self.program.execution(self.given)


def compiled(name: str, onnx: bytes, samples: Sequence[Array]) -> Compiled:
    """Raises CompileError."""
    graph = compile_graph(onnx, samples)
    files, header = program_files(graph, Options())
    given = encode_input(graph.program, samples[0]).tobytes()
    return Compiled(name, onnx, samples, given, files, header)


def digits() -> Compiled:
    return compiled_demo(demo_digits())


def magika() -> Compiled:
    return compiled_demo(demo_magika())


def compiled_demo(model: DemoModel) -> Compiled:
    """With the demo's inputs, but for those that its codec answers by itself."""
    found = [encoded(model.card, raw) for _, raw, _ in model.samples]
    return compiled(model.card.name, model.onnx_bytes, [s for s in found if s is not None])


def direction() -> Compiled | None:
    """The text-direction CNN of rapidocr-onnxruntime 1.4; None when the package is not here."""
    found = find_spec("rapidocr_onnxruntime")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
    return compiled("direction-cnn", path.read_bytes(), _strokes(32))


def digits_cnn() -> Compiled:
    """The small CNN of the tests."""
    return _digits_images("digits-cnn", "digits_cnn.onnx")


def digits_mobile() -> Compiled:
    """The small CNN of the tests that has what MobileNets have: mostly the costs of its nodes."""
    return _digits_images("digits-mobile", "digits_mobile.onnx")


def _digits_images(name: str, file: str) -> Compiled:
    demo = demo_digits()
    images = [encoded(demo.card, raw) for _, raw, _ in demo.samples]
    shaped = [image.reshape(1, 8, 8) for image in images if image is not None]
    return compiled(name, (DATA / file).read_bytes(), shaped)


def encoder() -> Compiled:
    """The small transformer of the tests."""
    tokens = np.random.default_rng(0).integers(0, 64, (32, 32)).astype(np.int32)
    return compiled("encoder", (DATA / "encoder.onnx").read_bytes(), list(tokens))


def all_of(makers: Iterable[Callable[[], Compiled | None]], say: Say) -> Iterator[Compiled]:
    """Compiled one by one; without those whose package is not here."""
    for make in makers:
        say(f"compiling {make.__name__.replace('_', ' ')}")
        found = make()
        if found is None:
            say("its package is not installed: left out")
        else:
            yield found


def _strokes(count: int) -> list[Array]:
    """Images of 48x192 with dark bars where a line's letters would be: enough to run on."""
    rng = np.random.default_rng(0)
    images = np.ones((count, 3, 48, 192), np.float32)
    for image in images:
        for left in range(4, 180, 12):
            width, height = rng.integers(2, 9), rng.integers(8, 36)
            top = rng.integers(2, 46 - height)
            image[:, top : top + height, left : left + width] = rng.uniform(-1, 0.2)
    return list(images)
