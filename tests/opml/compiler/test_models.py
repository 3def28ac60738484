# SPDX-License-Identifier: Apache-2.0
"""Whole models agree with their float parents, on other inputs than they were calibrated on."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain_workers.evaluation.lines import Lines
from offchain_workers.models.demo import magika
from scripts import build_digits_cnn, build_encoder
from tests.opml.compiler.support import assert_exact
from verifiers.opml.compiler import importer
from verifiers.opml.compiler.accuracy import Accuracy, measure
from verifiers.opml.compiler.compile import Compiled, compile_graph
from verifiers.opml.compiler.samples import encoded

DATA = Path(__file__).parents[2] / "data"
MOST_OF_A_KIND = 40


def agreement(data: bytes, made: Compiled, samples: list[Any], labels: list[int]) -> Accuracy:
    return measure(importer.load(data), made, samples, labels or None)


@pytest.mark.parametrize("name", build_digits_cnn.NETWORKS)
def test_digits_cnn(name: str) -> None:
    data = (DATA / name).read_bytes()
    seen, _, images, digits = build_digits_cnn.split()
    made = compile_graph(data, list(seen[:150]))
    assert_exact(made, list(images[:2]))
    found = agreement(data, made, list(images), list(digits))
    assert found.agreement >= 0.98
    assert found.right_float is not None
    assert found.right_integer is not None
    assert found.right_integer >= found.right_float - 0.005


def test_encoder() -> None:
    data = (DATA / "encoder.onnx").read_bytes()
    seen, _ = build_encoder.sentences(100, 3)
    tokens, labels = build_encoder.sentences(200, 2)
    made = compile_graph(data, list(seen))
    assert_exact(made, list(tokens[:2]))
    found = agreement(data, made, list(tokens), list(labels))
    assert found.agreement >= 0.95


@pytest.mark.slow
def test_magika_on_files_of_many_types() -> None:
    model = magika()
    files = list(_files(Path(find_spec("magika").submodule_search_locations[0]).parent))  # type: ignore
    files += list(_files(Path("/usr/share"))) + list(_files(Path("/usr/lib")))
    order = np.random.default_rng(0).permutation(len(files))
    inputs = [encoded(model.card, files[i]) for i in order[:700]]
    kept = [sample for sample in inputs if sample is not None]
    assert len(kept) >= 500
    made = compile_graph(model.onnx_bytes, kept[:200])
    assert_exact(made, kept[200:202])
    found = agreement(model.onnx_bytes, made, kept[200:], [])
    assert found.items >= 300
    assert found.agreement >= 0.99


def _files(root: Path) -> Any:
    """Few of each ending, so that no type has most of the weight."""
    seen: dict[str, int] = {}
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = Path(folder, name)
            kind = path.suffix
            if seen.get(kind, 0) < MOST_OF_A_KIND and path.is_file() and not path.is_symlink():
                seen[kind] = seen.get(kind, 0) + 1
                yield path


def _direction_model() -> Path | None:
    """From the package rapidocr-onnxruntime, or where FUSION_TEST_DIRECTION_MODEL says."""
    given = os.environ.get("FUSION_TEST_DIRECTION_MODEL")
    found = find_spec("rapidocr_onnxruntime")
    if given or found is None or not found.submodule_search_locations:
        return Path(given) if given else None
    folder = Path(found.submodule_search_locations[0])
    return folder / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx"


@pytest.mark.slow
def test_text_direction() -> None:
    path = _direction_model()
    if path is None:
        pytest.skip("rapidocr-onnxruntime is not installed, FUSION_TEST_DIRECTION_MODEL not set")
    random, lines = np.random.default_rng(5), Lines()
    drawn = [lines.draw(random) for _ in range(400)]
    pictures = [picture for picture, _ in drawn]
    made = compile_graph(path.read_bytes(), pictures[:100])
    assert_exact(made, pictures[100:102])
    labels = [turned for _, turned in drawn[100:]]
    found = agreement(path.read_bytes(), made, pictures[100:], labels)
    assert found.items >= 200
    assert found.agreement >= 0.98
