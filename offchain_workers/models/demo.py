# SPDX-License-Identifier: Apache-2.0
"""The demo's models: handwritten digits (ours), a text encoder (ours) and Google's magika (from its
package)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from offchain_workers.models.card import Limits, ModelCard, ModelSpec, TensorSpec
from offchain_workers.models.demo_files import demo_files
from offchain_workers.models.errors import DemoModelError
from offchain_workers.storage import content_id

DIGITS_SHA256 = "019f670072b4da2a8cf5f42fbcf0b3e5a48ef78a1dc4ac7026d492d9d3cb0a81"
DIGITS_MLP_SHA256 = "faba34a05f3e171a14c609933ac5a36223b23f5663df9f3befdc73484a0b0d83"
DIGITS_CNN_SHA256 = "bf0aa8cb905cf718fdf5948c6dcea99d96657a1935d9cc97e451484fde201d09"
DIGITS_TINY_SHA256 = "38e1f3ca70781cee3355478bebd82b8270e531ca9337ece10731de1ce84bc062"
EMBEDDING_SHA256 = "5f2615b0b3dbf0103abdc463a7fb9e75ec93f8aa3e81bb439cfd9254525864bf"
MAGIKA_SHA256 = {
    "models/standard_v3_3/model.onnx": (
        "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"
    ),
    "models/standard_v3_3/config.min.json": (
        "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db"
    ),
    "config/content_types_kb.min.json": (
        "75208adba69bc0556403b62b32ef3ccf8b5ce494411780845852e52e6583a10d"
    ),
}
_CODEC_FIELDS = (
    "beg_size",
    "block_size",
    "end_size",
    "medium_confidence_threshold",
    "min_file_size_for_dl",
    "overwrite_map",
    "padding_token",
    "thresholds",
)


@dataclass(frozen=True)
class DemoModel:
    """A model ready to publish; ``samples`` are (name, raw input for its codec, expected label)."""

    card: ModelCard
    onnx_bytes: bytes
    samples: tuple[tuple[str, bytes, str], ...]

    @property
    def spec(self) -> ModelSpec:
        """What an engine loads."""
        return ModelSpec(self.card, content_id(self.onnx_bytes))


def digits() -> DemoModel:
    """8x8 digits -> logits, trained by scripts/train_digits.py; the same bytes on every runtime."""
    folder = files("offchain_workers.models") / "data"
    onnx_bytes = _pinned((folder / "digits.onnx").read_bytes(), DIGITS_SHA256, "digits.onnx")
    facts = json.loads((folder / "digits.json").read_text())
    samples = [(s["label"], bytes.fromhex(s["pixels"])) for s in facts["samples"]]
    return DemoModel(
        _digits_card(len(onnx_bytes), facts),
        onnx_bytes,
        tuple((f"digit-{i:02}", pixels, label) for i, (label, pixels) in enumerate(samples)),
    )


def digits_mlp() -> DemoModel:
    """``digits`` without its rounding of hidden values (scripts/build_zk_models.py)."""
    return _like_digits("digits_mlp", DIGITS_MLP_SHA256, "scripts/build_zk_models.py", 352)


def digits_cnn() -> DemoModel:
    """8x8 digits -> logits by a small convolutional network (scripts/build_demo_cnn.py)."""
    return _like_digits("digits_cnn", DIGITS_CNN_SHA256, "scripts/build_demo_cnn.py", 351)


def digits_tiny() -> DemoModel:
    """8x8 digits -> logits by 170 numbers, often wrong (scripts/build_demo_tiny.py)."""
    return _like_digits("digits_tiny", DIGITS_TINY_SHA256, "scripts/build_demo_tiny.py", 309)


def _like_digits(file: str, sha256: str, script: str, right: int) -> DemoModel:
    """A float model for the same task; ``right`` of the suite's 360."""
    folder, plain = files("offchain_workers.models") / "data", digits()
    name = f"{file}.onnx"
    onnx_bytes = _pinned((folder / name).read_bytes(), sha256, name)
    changes = {
        "name": file.replace("_", "-"),
        "source": f"{script} on scikit-learn's bundled digits",
        "limits": Limits(max_items=256, max_onnx_bytes=len(onnx_bytes)),
        "batch_invariant": False,
        "methods": {"none": "float: the last bits depend on the runtime's version and the CPU"},
        "accuracy": _evaluated("digits@1", 360, right, 1),
    }
    card = ModelCard.from_canonical(plain.card.model_copy(update=changes).canonical())
    return DemoModel(card, onnx_bytes, plain.samples)


def magika() -> DemoModel:
    """Any file -> one of 214 types: standard_v3_3 of the package magika 1.0.3.

    Reads the package's files without importing it (it would import onnxruntime); raises
    DemoModelError when it is missing or its files are not the pinned ones.
    """
    package = _magika_folder()
    contents = [_read(package / name, sha256) for name, sha256 in MAGIKA_SHA256.items()]
    config, kinds = json.loads(contents[1]), json.loads(contents[2])
    card = _magika_card(len(contents[0]), config, kinds)
    return DemoModel(card, contents[0], tuple(demo_files()))


def embedding() -> DemoModel:
    """A text of up to 32 words -> 32 numbers; texts with words in common come out near to each
    other (scripts/build_encoder.py). A small transformer with random weights: no more than that."""
    folder, name = files("offchain_workers.models") / "data", "embedding.onnx"
    onnx_bytes = _pinned((folder / name).read_bytes(), EMBEDDING_SHA256, name)
    card = ModelCard(
        name="embedding",
        version="1",
        task="embedding",
        description="Numbers that stand for a text of up to 32 words; random weights.",
        licence="Apache-2.0",
        source="scripts/build_encoder.py",
        codec="words@1",
        inputs=(TensorSpec(name="tokens", wire="u16", engine="int32", shape=(32,)),),
        outputs=(TensorSpec(name="scores", wire="f32", engine="float32", shape=(32,)),),
        codec_config={"vocabulary": 1024},
        limits=Limits(max_items=256, max_onnx_bytes=len(onnx_bytes)),
        batch_invariant=False,
        methods={"none": "float: the last bits depend on the runtime's version and the CPU"},
        accuracy=_evaluated("embedding@1", 300, 225, 1),
    )
    return DemoModel(card, onnx_bytes, ())


def _evaluated(suite: str, items: int, right: int, infer_ms: int) -> dict[str, JsonValue]:
    """What `fusion model evaluate` found; ``infer_ms`` of one item on one CPU core."""
    return {"suite": {"name": suite, "items": items, "right": right}, "infer_ms": infer_ms}


def _digits_card(onnx_size: int, facts: dict[str, Any]) -> ModelCard:
    return ModelCard(
        name="digits",
        version="1",
        task="digits",
        description="Reads a handwritten digit of 8x8 pixels, each from 0 to 16.",
        licence="Apache-2.0",
        source="scripts/train_digits.py on scikit-learn's bundled digits",
        codec="digits@1",
        inputs=(TensorSpec(name="pixels", wire="u8", engine="float32", shape=(64,)),),
        outputs=(TensorSpec(name="logits", wire="f32", engine="float32", shape=(10,)),),
        labels=tuple("0123456789"),
        limits=Limits(max_items=256, max_onnx_bytes=onnx_size),
        batch_invariant=True,
        methods={"none": "bit-exact on every runtime: all sums are exact in float32"},
        accuracy=_evaluated("digits@1", facts["held_out"], facts["right"], 1),
    )


def _magika_card(onnx_size: int, config: dict[str, Any], kinds: dict[str, Any]) -> ModelCard:
    labels = config["target_labels_space"]
    answers = sorted({*labels, *config["overwrite_map"].values()})
    text = [label for label in answers if kinds[label]["is_text"]]
    return ModelCard(
        name="magika",
        version="standard_v3_3",
        task="file-type",
        description="Names the type of any file from its first and last 1,024 bytes.",
        licence="Apache-2.0",
        source="PyPI package magika 1.0.3, model standard_v3_3, by Google",
        codec="magika@1",
        inputs=(TensorSpec(name="bytes", wire="u16", engine="int32", shape=(2048,)),),
        outputs=(TensorSpec(name="target_label", wire="f32", engine="float32", shape=(214,)),),
        labels=tuple(labels),
        codec_config={name: config[name] for name in _CODEC_FIELDS} | {"text_labels": text},
        limits=Limits(max_items=256, max_onnx_bytes=onnx_size),
        batch_invariant=False,
        methods={"none": "float: the last bits depend on the runtime's version and the CPU"},
        accuracy={
            **_evaluated("file-type@1", 39, 39, 8),
            "by_its_authors": "about 99 % on average over their test set",
        },
    )


def _magika_folder() -> Path:
    found = find_spec("magika")
    if found is None or not found.submodule_search_locations:
        raise DemoModelError("the package magika is not installed: pip install model-network[demo]")
    return Path(found.submodule_search_locations[0])


def _read(path: Path, sha256: str) -> bytes:
    try:
        return _pinned(path.read_bytes(), sha256, f"magika's {path.name}")
    except OSError as error:
        raise DemoModelError(f"the package magika is not 1.0.3: {error}") from error


def _pinned(data: bytes, sha256: str, name: str) -> bytes:
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise DemoModelError(f"{name} has sha256 {actual}, expected {sha256}")
    return data
