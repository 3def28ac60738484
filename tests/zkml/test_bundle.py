# SPDX-License-Identifier: Apache-2.0
"""A circuit's files belong together, or are refused; made again, they come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offchain_workers.errors import FusionError
from tests.zkml.circuits import FLOWERS, IRIS, cnn, iris, noted, relisted, written
from verifiers.zkml import bundle as bundles
from verifiers.zkml import setup
from verifiers.zkml.accuracy import integers
from verifiers.zkml.bundle import (
    CIRCUIT_FILE,
    MODEL_FILE,
    PROGRAM_FILE,
    SRS_FILE,
    Bundle,
)
from verifiers.zkml.checking import check
from verifiers.zkml.circuit import Description
from verifiers.zkml.errors import EzklFailedError
from verifiers.zkml.faults import ArtifactError, RederivedError, SamplesError, SrsWrongError
from verifiers.zkml.prover import KEY_FILE, ONNX_FILE, SETTINGS_FILE
from verifiers.zkml.runner import Ezkl
from verifiers.zkml.samples import inputs_of, read_samples
from verifiers.zkml.settings import Binding
from verifiers.zkml.setup import Options, make
from verifiers.zkml.srs import Srs, inspect

FLOWER = np.array(FLOWERS[0])


def checked(found: Bundle, onnx: bytes = IRIS) -> None:
    check(found, onnx, found.files.get(MODEL_FILE) or iris().files[MODEL_FILE])


def test_the_circuit_is_close_to_its_model_and_says_how_close() -> None:
    card = iris().card
    assert card.accuracy["top1_agreement"] == 1.0
    assert 0 < float(str(card.accuracy["worst_error"])) < 0.01
    notes = card.methods["zkml"]
    assert isinstance(notes, dict)
    assert notes["setup"] == "development"


@pytest.mark.parametrize("weights", [Binding.FIXED, Binding.POLYCOMMIT])
def test_a_bundle_comes_out_again(weights: Binding) -> None:
    checked(iris(weights))


@pytest.mark.parametrize("circuit", [iris, cnn])
def test_one_setup_gives_one_circuit(
    circuit: Callable[[], Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the development setup itself is random."""
    first = circuit()

    def same_setup(path: Path, k: int, ezkl: Ezkl) -> Srs:
        path.write_bytes(first.files[SRS_FILE])
        return inspect(path)

    monkeypatch.setattr(setup, "development", same_setup)
    again = circuit.__wrapped__()  # type: ignore[attr-defined]
    differing = [name for name, data in first.files.items() if again.files[name] != data]
    assert differing == []
    assert again.artifact_id == first.artifact_id


def test_an_input_over_64_values_is_committed_to() -> None:
    found = cnn()
    assert (found.circuit.inputs, found.circuit.input_points) == (0, 1)


def test_weights_that_are_committed_to_share_a_program() -> None:
    """A fine-tune differs in its weights' commitment alone."""
    import onnx
    from onnx import numpy_helper

    tuned = onnx.load_from_string(IRIS)
    weight = next(one for one in tuned.graph.initializer if one.name == "b2")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) + 0.25, "b2"))
    one = iris(Binding.POLYCOMMIT)
    other = make(
        tuned.SerializeToString(),
        [FLOWER],
        Options(weights=Binding.POLYCOMMIT, scale=one.facts.input_scale),
    ).bundle
    assert one.circuit.weights != other.circuit.weights
    # Setups differ, and with them commitments to columns; gates, columns and sizes are the same.
    assert len(one.files[PROGRAM_FILE]) == len(other.files[PROGRAM_FILE])


@pytest.mark.parametrize("name", [ONNX_FILE, SETTINGS_FILE, KEY_FILE, CIRCUIT_FILE, PROGRAM_FILE])
def test_a_file_that_is_not_the_cards_is_refused(tmp_path: Path, name: str) -> None:
    folder = written(iris(), tmp_path)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(FusionError, match="MN-ZK"):
        bundles.read(folder)


def test_another_models_key_is_found_out(tmp_path: Path) -> None:
    folder = relisted(written(iris(), tmp_path), KEY_FILE, iris(variant=1).files[KEY_FILE])
    with pytest.raises(RederivedError, match=r"vk\.key"):
        checked(bundles.read(folder))


def test_another_circuits_program_is_found_out(tmp_path: Path) -> None:
    """The publisher names a program that proves something else, and says so everywhere."""
    other = iris(variant=1)
    folder = relisted(written(iris(), tmp_path), PROGRAM_FILE, other.files[PROGRAM_FILE])
    description = iris().description
    circuit = replace(description.circuit, program=other.circuit.program)
    relisted(folder, CIRCUIT_FILE, replace(description, circuit=circuit).to_json())
    with pytest.raises(RederivedError, match=r"program\.bin"):
        checked(bundles.read(folder))


def test_other_weights_than_the_parents_are_found_out() -> None:
    with pytest.raises(RederivedError, match="another ONNX file"):
        checked(iris(), IRIS + b"\x00")


def test_a_commitment_to_other_weights_is_found_out(tmp_path: Path) -> None:
    found = iris(Binding.POLYCOMMIT)
    circuit = replace(found.circuit, weights=b"\1" * 32)
    data = replace(found.description, circuit=circuit).to_json()
    folder = relisted(written(found, tmp_path), CIRCUIT_FILE, data)
    with pytest.raises(RederivedError, match="weights"):
        checked(bundles.read(folder))


def test_another_engine_model_is_found_out() -> None:
    with pytest.raises(RederivedError, match=r"model\.onnx"):
        check(iris(), IRIS, IRIS)


LIES: dict[str, tuple[str, object]] = {
    "scale": ("output", {"scale": 2.0**-3, "zero": 0}),
    "zero point": ("output", {"scale": 2.0**-26, "zero": 1}),
    "input scale": ("input", {"scale": 1.0, "zero": 0}),
    "no scale": ("input", None),
    "setup": ("setup", "ceremony"),
    "binding": ("binding", {"input": "polycommit", "weights": "fixed"}),
    "version": ("ezkl", "99.0.0"),
}


@pytest.mark.parametrize("kind", LIES)
def test_a_card_that_says_other_things_than_its_circuit_is_found_out(
    tmp_path: Path, kind: str
) -> None:
    """Right files, and numbers that would be read wrong, or trusted more than they should be."""
    folder = written(iris(), tmp_path)
    name, lie = LIES[kind]
    noted(folder, "zkml", name, lie)
    with pytest.raises(ArtifactError, match=f"card's {name} "):
        checked(bundles.read(folder))


def test_another_setup_file_is_found_out(tmp_path: Path) -> None:
    other = iris(variant=1).files[SRS_FILE]
    folder = relisted(written(iris(), tmp_path), SRS_FILE, other)
    with pytest.raises(SrsWrongError):
        checked(bundles.read(folder))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"circuit": {}}', b'{"circuit": {"version": "x"}}']
)
def test_what_describes_no_circuit_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError):
        Description.from_json(data)


def test_samples_of_another_size_are_refused() -> None:
    for wrong in (np.zeros(5), np.zeros((4, 5)), np.zeros(()), np.zeros((2, 2, 4))):
        with pytest.raises(SamplesError, match="4 numbers"):
            make(IRIS, [wrong])


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("lists.json", b'{"input_data": [[1, 2, 3, 4], [5, 6, 7, 8]]}', 2),
        ("rows.json", b"[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]", 3),
        ("batch.json", b'{"input_data": [[[1, 2, 3, 4], [5, 6, 7, 8]]]}', 2),
        ("one.json", b"[1, 2, 3, 4]", 1),
        ("square.json", b"[[1, 2], [3, 4]]", 1),
    ],
)
def test_samples_come_in_the_forms_that_people_have(
    tmp_path: Path, name: str, content: bytes, count: int
) -> None:
    (tmp_path / name).write_bytes(content)
    found = inputs_of(read_samples(tmp_path / name), 4)
    assert [each.ravel().tolist() for each in found] == [
        [4 * i + 1, 4 * i + 2, 4 * i + 3, 4 * i + 4] for i in range(count)
    ]


def test_an_array_of_one_or_of_several_samples(tmp_path: Path) -> None:
    for array, count in ((np.arange(4), 1), (np.zeros((3, 4)), 3), (np.zeros((3, 2, 2)), 3)):
        np.save(tmp_path / "x.npy", array)
        assert len(inputs_of(read_samples(tmp_path / "x.npy"), 4)) == count


def test_numbers_that_leave_the_range_are_refused() -> None:
    with pytest.raises(EzklFailedError):
        make(IRIS, [np.array([1e6, 1e6, 1e6, 1e6])], Options(scale=13))


def test_halves_are_rounded_up_as_codecs_do() -> None:
    assert integers(np.array([0.5, -0.5, 1.25]), 0) == [1, 0, 1]
