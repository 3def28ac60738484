# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain_workers.codecs import get_codec
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models import demo
from offchain_workers.models.demo import DemoModel, digits, magika
from offchain_workers.models.errors import DemoModelError
from offchain_workers.models.wire import pack_items, unpack_items

ROOT = Path(__file__).parents[2]


def answer(model: DemoModel, raw: bytes) -> str:
    codec = get_codec(model.card.codec)
    session = EmbeddedEngine().load(model.spec, model.onnx_bytes)
    item = codec.encode(model.card, raw)
    outputs = session.run(unpack_items(model.card.inputs, item, 1))
    return str(codec.decode(model.card, pack_items(model.card.outputs, outputs))["label"])


@pytest.mark.parametrize("build", [digits, magika])
def test_samples_get_their_labels(build: Any) -> None:
    model = build()
    assert model.samples
    for name, raw, label in model.samples:
        assert answer(model, raw) == label, name


@pytest.mark.parametrize("build", [digits, magika])
def test_the_same_model_every_time(build: Any) -> None:
    assert build().spec == build().spec
    assert build().card.hash() == build().card.hash()


def test_digits_are_as_accurate_as_the_card_says() -> None:
    training = runpy.run_path(str(ROOT / "scripts" / "train_digits.py"))
    _, _, images, truth = training["split"]()
    model = digits()
    session = EmbeddedEngine().load(model.spec, model.onnx_bytes)
    logits = session.run({"pixels": images.astype(np.float32)})["logits"]
    right = int((logits.argmax(axis=1) == truth).sum())
    suite = {"name": "digits@1", "items": len(truth), "right": right}
    assert model.card.accuracy["suite"] == suite
    assert right / len(truth) > 0.97


def test_digits_file_is_what_the_script_builds_from_its_weights() -> None:
    onnx = pytest.importorskip("onnx")
    build = runpy.run_path(str(ROOT / "scripts" / "train_digits.py"))["build_onnx"]
    stored = digits().onnx_bytes
    constants = onnx.load_model_from_string(stored).graph.initializer
    weights = {
        c.name: onnx.numpy_helper.to_array(c)
        for c in constants
        if c.name in ("w1", "b1", "w2", "b2")
    }
    assert build(weights) == build(weights) == stored


def test_digits_sums_are_exact_in_float32() -> None:
    """Every product and partial sum is a multiple of its step below 2**24 steps."""
    onnx = pytest.importorskip("onnx")
    constants = onnx.load_model_from_string(digits().onnx_bytes).graph.initializer
    w = {c.name: onnx.numpy_helper.to_array(c).astype(np.float64) for c in constants}
    in_steps = 16 * 32
    first = np.abs(w["w1"]).sum(axis=0) + np.abs(w["b1"])
    assert (w["w1"] * 32 == np.rint(w["w1"] * 32)).all()
    assert (w["b1"] * in_steps == np.rint(w["b1"] * in_steps)).all()
    assert first.max() * in_steps < 1 << 24
    second = first @ np.abs(w["w2"]) + np.abs(w["b2"])
    assert (w["w2"] * 32 == np.rint(w["w2"] * 32)).all()
    assert (w["b2"] * in_steps == np.rint(w["b2"] * in_steps)).all()
    assert second.max() * in_steps < 1 << 24


@pytest.mark.parametrize("threads", [1, 2])
def test_digits_bytes_do_not_depend_on_batch_or_threads(threads: int) -> None:
    model = digits()
    assert model.card.batch_invariant
    session = EmbeddedEngine(intra_op_threads=threads).load(model.spec, model.onnx_bytes)
    images = np.random.default_rng(1).integers(0, 17, (257, 64)).astype(np.float32)
    alone = np.concatenate([session.run({"pixels": row[None]})["logits"] for row in images])
    for size in (2, 3, 16, 64, 257):
        parts = [images[i : i + size] for i in range(0, len(images), size)]
        together = np.concatenate([session.run({"pixels": part})["logits"] for part in parts])
        assert together.tobytes() == alone.tobytes(), size


def test_magika_is_read_without_importing_its_package() -> None:
    code = (
        "import sys; from offchain_workers.models.demo import magika; magika();"
        "assert 'magika' not in sys.modules and 'onnxruntime' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "standard_v3_3").mkdir(parents=True)
    monkeypatch.setattr(demo, "_magika_folder", lambda: tmp_path)
    with pytest.raises(DemoModelError, match=r"is not 1\.0\.3"):
        magika()
    (tmp_path / "models" / "standard_v3_3" / "model.onnx").write_bytes(b"other weights")
    with pytest.raises(DemoModelError, match="sha256"):
        magika()
