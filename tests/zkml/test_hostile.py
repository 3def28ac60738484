# SPDX-License-Identifier: Apache-2.0
"""Files that strangers wrote: read, or refused in our own words, whatever they hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offchain_workers.errors import FusionError
from offchain_workers.models import ModelCard
from offchain_workers.storage import content_id
from tests.zkml.circuits import iris, proof
from verifiers.zkml import bundle as bundles
from verifiers.zkml import documents, wrap
from verifiers.zkml import settings as circuit_settings
from verifiers.zkml.bundle import CIRCUIT_FILE, PROGRAM_FILE
from verifiers.zkml.checker import inspect
from verifiers.zkml.circuit import Description
from verifiers.zkml.errors import ProofError
from verifiers.zkml.prover import ONNX_FILE, SETTINGS_FILE, Proof

VALUES = (41_779, 28_672, 11_469, 1_638)
DEEP = b"[" * 200_000
HUGE = b"9" * 5_000
# What JSON can hold and a reader may not expect.
NASTY = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, -(2**64), 2**256, -(2**300), 10**4_000),
    *(0.5, -0.0, 1e308, "", "0", "0x", "0x0", "-0x1", "\x00", "\ud800", "zz" * 40, "9" * 5_000),
    *([], [[]], {}, {"": {}}, [None], ["0x"], [[[[[1]]]]], [2**64] * 3, {"x": [1] * 400}),
)
few = settings(
    max_examples=250, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to every value of a document."""
    if not isinstance(tree, dict | list):
        return [at]
    children = tree.items() if isinstance(tree, dict) else enumerate(tree)
    inner = [places(value, (*at, key)) for key, value in list(children)[:40]]
    return [at, *(one for each in inner for one in each)]


def put(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    parent = tree
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return tree


@st.composite
def mutated(draw: st.DrawFn, honest: Callable[[], bytes]) -> bytes:
    """A document of which up to three values are others, or are gone, or bytes of it."""
    data = honest()
    tree = json.loads(data)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(places(tree)))
        tree = put(tree, at, copy.deepcopy(draw(st.sampled_from(NASTY))))
    text = json.dumps(tree).encode()
    if draw(st.booleans()):
        return text
    where = draw(st.integers(0, max(len(data) - 1, 0)))
    piece = draw(st.sampled_from([b"", b"NaN", b"-Infinity", b"1e999", DEEP, HUGE, b"\xff", b"\0"]))
    return data[:where] + piece + data[where + draw(st.integers(0, 30)) :]


def proof_file() -> bytes:
    return json.dumps(proof(iris(), VALUES).tree()).encode()


@few
@given(mutated(lambda: iris().files[CIRCUIT_FILE]))
def test_a_circuit_is_read_or_refused(data: bytes) -> None:
    try:
        found = Description.from_json(data)
    except FusionError:
        return
    assert found.to_json() == data
    assert len(found.circuit.artifact_id()) == 32
    assert found.notes()


@few
@given(mutated(lambda: iris().files[SETTINGS_FILE]))
def test_settings_are_read_or_refused(data: bytes) -> None:
    for read in (circuit_settings.facts, circuit_settings.canonical):
        try:
            read(data)
        except FusionError:
            continue


@few
@given(data=mutated(proof_file))
def test_a_proof_is_read_or_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(data)
    try:
        found = Proof.read(path)
    except ProofError:
        return
    assert len(json.dumps(found.tree())) <= 8 * documents.MOST_BYTES


@few
@given(mutated(lambda: iris().card.canonical()), st.sampled_from([CIRCUIT_FILE, SETTINGS_FILE]))
def test_a_card_and_its_bundle_are_read_or_refused(data: bytes, name: str) -> None:
    try:
        card = ModelCard.from_json(data)
        blobs = {content_id(each): each for each in iris().files.values()}
        found = bundles.fetch(card, lambda cid, most: blobs.get(cid, b"")[:most])
    except FusionError:
        return
    assert found.artifact_id == iris().artifact_id


@few
@given(st.data())
def test_a_program_is_read_or_refused(data: st.DataObject) -> None:
    code = bytearray(iris().files[PROGRAM_FILE])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 700) | st.integers(0, len(code) - 1))
        width = data.draw(st.sampled_from([1, 2, 32]))
        fill = data.draw(st.sampled_from([b"\0", b"\x01", b"\xff", b"\x80"]))
        code[at : at + width] = fill * len(code[at : at + width])
    try:
        inspect(bytes(code))
    except FusionError:
        return


@pytest.mark.parametrize("size", [10**12, 2**70, -1, True, None, "00", {"0": 0}])
def test_a_number_of_zeros_is_no_proof(size: object, tmp_path: Path) -> None:
    """`bytes(10**12)` would ask for a terabyte."""
    path = tmp_path / "proof.json"
    path.write_text(json.dumps({"instances": [[]], "proof": size}))
    with pytest.raises(ProofError):
        Proof.read(path)


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ProofError, match="at most"):
        Proof.read(path)


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 99, b"\x3a" * 500, DEEP])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(FusionError):
        wrap.load(data)


@few
@given(st.data())
def test_a_model_is_loaded_and_wrapped_or_refused(data: st.DataObject) -> None:
    found = bytearray(iris().files[ONNX_FILE])
    for _ in range(data.draw(st.integers(1, 4))):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    try:
        wrap.wrap(wrap.load(bytes(found)), 13, 26, whole=False)
    except FusionError:
        return


def test_weights_outside_of_the_model_are_refused() -> None:
    """ezkl would open a file of ours, whose path the publisher wrote."""
    import onnx

    model = onnx.load_from_string(iris().files[ONNX_FILE])
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(FusionError, match="MN-ENGINE"):
        wrap.load(model.SerializeToString())
