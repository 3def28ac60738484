# SPDX-License-Identifier: Apache-2.0
"""Circuits that tests share: made once a process, under development setups."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from offchain_workers.models import ModelCard
from offchain_workers.storage import content_id
from verifiers.zkml import bundle as bundles
from verifiers.zkml.bundle import CARD_FILE, MODEL_FILE, Bundle
from verifiers.zkml.keys import prepared
from verifiers.zkml.prover import Proof, Prover
from verifiers.zkml.settings import Binding
from verifiers.zkml.setup import Options, make

DATA = Path(__file__).parents[1] / "data" / "zk"
FLOWERS = ([5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [5.9, 3.0, 5.1, 1.8])
IRIS = (DATA / "iris.onnx").read_bytes()
# Folders that live as long as the process.
_PLACES: list[tempfile.TemporaryDirectory[str]] = []


@cache
def iris(weights: Binding = Binding.FIXED, variant: int = 0) -> Bundle:
    """Four public values in, three out, 2**10 rows. Each ``variant`` has a setup of its own."""
    samples = [np.array(flower) for flower in FLOWERS]
    return make(IRIS, samples, Options(weights=weights, name=f"iris-{variant}")).bundle


@cache
def cnn() -> Bundle:
    """8x8 pixels that are committed to."""
    images = [np.arange(64) % 17, np.zeros(64)]
    options = Options(input=Binding.POLYCOMMIT, scale=7, input_scale=0, name="cnn")
    return make((DATA / "digits_cnn.onnx").read_bytes(), images, options).bundle


@cache
def prover(found: Bundle) -> Prover:
    """With its keys."""
    return prepared(found, place())


@cache
def proof(found: Bundle, values: tuple[int, ...]) -> Proof:
    return prover(found).prove(values)


def place() -> Path:
    _PLACES.append(tempfile.TemporaryDirectory(prefix="zkml-test-"))
    return Path(_PLACES[-1].name)


def written(found: Bundle, folder: Path) -> Path:
    """As `fusion zkml setup` leaves it."""
    found.write(folder)
    assert (folder / CARD_FILE).exists()
    assert (folder / MODEL_FILE).exists()
    assert bundles.read(folder).artifact_id == found.artifact_id
    return folder


def relisted(folder: Path, name: str, data: bytes) -> Path:
    """Another file, with a card that lists it."""
    (folder / name).write_bytes(data)
    listed = json.loads((folder / CARD_FILE).read_bytes())["methods"]["zkml"]["manifest"]
    return noted(folder, "zkml", "manifest", listed | {name: content_id(data)})


def noted(folder: Path, method: str, name: str, value: object) -> Path:
    """A card that says something else under a method."""
    card = json.loads((folder / CARD_FILE).read_bytes())
    card["methods"].setdefault(method, {})[name] = value
    made = ModelCard.from_json(json.dumps(card).encode())
    (folder / CARD_FILE).write_bytes(made.canonical())
    return folder
