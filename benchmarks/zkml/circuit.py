# SPDX-License-Identifier: Apache-2.0
"""Circuits of ezkl, with a proof each and the verifiers that it emits: for benchmarks and tests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ezkl
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris

from benchmarks import ROOT
from benchmarks.zkml import networks
from verifiers.zkml.builder import Built, build

SCALE = 7


@dataclass(frozen=True)
class Recipe:
    """A small network on a data set: a perceptron with ``width`` hidden values, or (0) the tests'
    network of that name. Seeds differ in weights and in nothing else."""

    name: str
    width: int
    seed: int
    inputs: str
    params: str


RECIPES = (
    Recipe("iris", 8, 0, "public", "fixed"),
    Recipe("iris-other-weights", 8, 1, "public", "fixed"),
    Recipe("digits", 32, 0, "polycommit", "polycommit"),
    Recipe("digits-public", 32, 0, "public", "polycommit"),
    Recipe("digits-cnn", 0, 0, "polycommit", "fixed"),
)
# Half a minute of work, 0.7 GB.
LENET = Recipe("lenet", 0, 0, "polycommit", "fixed")


@dataclass(frozen=True)
class Circuit:
    """What ezkl made of a recipe."""

    folder: Path
    proof: bytes
    instances: list[int]
    built: Built

    @property
    def program(self) -> bytes:
        return self.built.program.code()

    def source(self, name: str) -> str:
        """Of one of the verifiers that ezkl emitted: single, reusable."""
        return (self.folder / f"{name}.sol").read_text()

    def vka(self) -> list[bytes]:
        """What the reusable verifier has to be told; behind their count, little-endian."""
        packed = (self.folder / "vka.bytes").read_bytes()[8:]
        return [packed[i : i + 32] for i in range(0, len(packed), 32)]


def make_all(folder: Path, recipes: tuple[Recipe, ...] = RECIPES) -> dict[str, Circuit]:
    """In a process of its own: ezkl panics easily, and writes where it is started."""
    subprocess.run(
        [sys.executable, __file__, str(folder), *(one.name for one in recipes)],
        check=True,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=900,
    )
    return {one.name: load(folder / one.name) for one in recipes}


def load(folder: Path) -> Circuit:
    proof = json.loads((folder / "proof.json").read_text())
    return Circuit(
        folder,
        bytes(proof["proof"]),
        [int.from_bytes(bytes.fromhex(word), "little") for word in proof["instances"][0]],
        build((folder / "single.sol").read_text()),
    )


def make(root: Path, recipe: Recipe) -> None:
    """Everything about a circuit, in a folder of its name; circuits of one size share a setup."""
    folder = root / recipe.name
    folder.mkdir()
    images, classes = _data(recipe)
    paths = {
        name: str(folder / name)
        for name in (
            "model.onnx",
            "input.json",
            "settings.json",
            "network.ezkl",
            "vk.key",
            "pk.key",
        )
    }
    if recipe.width:
        sizes = images.shape[1], recipe.width, classes
        model = networks.perceptron(sizes, recipe.seed)
    else:
        model = networks.committed(recipe.name.replace("-", "_"))
    Path(paths["model.onnx"]).write_bytes(model)
    Path(paths["input.json"]).write_text(json.dumps({"input_data": [images[0].tolist()]}))
    setup = _compile(root, recipe, paths)
    _prove(folder, paths, setup)
    asyncio.run(_emit(folder, paths, setup))


def _data(recipe: Recipe) -> tuple[NDArray[np.float64], int]:
    """Inputs between 0 and 1, and how many classes there are."""
    if recipe == LENET:
        return np.random.default_rng(0).random((1, networks.LENET_PIXELS)), 10
    data: Any = load_digits() if recipe.name.startswith("digits") else load_iris()
    return data.data / data.data.max(), len(data.target_names)


def _compile(root: Path, recipe: Recipe, paths: dict[str, str]) -> str:
    """The setup's path."""
    run = ezkl.PyRunArgs()
    run.input_visibility, run.param_visibility = recipe.inputs, recipe.params
    run.output_visibility = "public"
    run.decomp_base, run.decomp_legs = 128, 4
    run.input_scale = run.param_scale = SCALE
    onnx_path, settings = paths["model.onnx"], paths["settings.json"]
    ezkl.gen_settings(onnx_path, settings, py_run_args=run)
    ezkl.calibrate_settings(paths["input.json"], onnx_path, settings, "resources", scales=[SCALE])
    rows = _ordered(Path(settings))["run_args"]["logrows"]
    setup = root / f"kzg{rows}.srs"
    if not setup.exists():
        ezkl.gen_srs(str(setup), rows)
    ezkl.compile_circuit(onnx_path, paths["network.ezkl"], settings)
    ezkl.setup(paths["network.ezkl"], paths["vk.key"], paths["pk.key"], str(setup))
    return str(setup)


def _ordered(path: Path) -> dict[str, Any]:
    """Calibration lists ranges in no fixed order, and the circuit follows the list's."""
    settings: dict[str, Any] = json.loads(path.read_text())
    for name in ("required_range_checks", "required_lookups"):
        settings[name].sort(key=json.dumps)
    path.write_text(json.dumps(settings))
    return settings


def _prove(folder: Path, paths: dict[str, str], setup: str) -> None:
    witness, proof = str(folder / "witness.json"), str(folder / "proof.json")
    ezkl.gen_witness(
        paths["input.json"], paths["network.ezkl"], witness, vk_path=paths["vk.key"], srs_path=setup
    )
    ezkl.prove(witness, paths["network.ezkl"], paths["pk.key"], proof, setup)


async def _emit(folder: Path, paths: dict[str, str], setup: str) -> None:
    for name, reusable in (("single", False), ("reusable", True)):
        source = folder / f"{name}.sol"
        try:
            await ezkl.create_evm_verifier(
                paths["vk.key"],
                paths["settings.json"],
                str(source),
                "abi",
                setup,
                reusable=reusable,
            )
        except RuntimeError:
            # It wants to fetch a compiler for the ABI, after the source is written.
            assert source.exists()
    vka = str(folder / "vka.bytes")
    await ezkl.create_evm_vka(paths["vk.key"], paths["settings.json"], vka, setup)


if __name__ == "__main__":
    for one in (*RECIPES, LENET):
        if one.name in sys.argv[2:]:
            make(Path(sys.argv[1]), one)
    # ezkl's runtime of threads now and then aborts a Python that takes itself down.
    os._exit(0)
