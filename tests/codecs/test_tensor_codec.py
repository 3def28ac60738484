# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.codecs import under
from offchain_workers.codecs.base import ScaleUnclearError
from offchain_workers.codecs.tensor import TensorCodec
from offchain_workers.models import CodecError, Limits, ModelCard, TensorSpec

CODEC = TensorCodec()
NONE = selector_of("none")


def card(*inputs: TensorSpec, labels: tuple[str, ...] = ()) -> ModelCard:
    return ModelCard(
        name="toy",
        version="1",
        task="toy",
        description="",
        licence="Apache-2.0",
        source="",
        codec="tensor@1",
        inputs=inputs,
        outputs=(TensorSpec(name="y", wire="f32", engine="float32", shape=(2,)),),
        labels=labels,
        limits=Limits(max_onnx_bytes=1),
    )


GRID = TensorSpec(name="grid", wire="u8", engine="float32", shape=(2, 3))
SCALE = TensorSpec(name="scale", wire="f32", engine="float32", shape=())
ONE, TWO = card(GRID), card(GRID, SCALE)
ROWS = [[1, 2, 3], [4, 5, 255]]


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_a_bare_list_for_one_input() -> None:
    assert CODEC.encode(ONE, json.dumps(ROWS).encode()) == bytes([1, 2, 3, 4, 5, 255])


def test_named_inputs_go_in_card_order() -> None:
    text = json.dumps({"inputs": {"scale": 1.0, "grid": ROWS}}).encode()
    assert CODEC.encode(TWO, text) == bytes([1, 2, 3, 4, 5, 255]) + np.float32(1).tobytes()
    one = json.dumps({"inputs": {"grid": ROWS}}).encode()
    assert CODEC.encode(ONE, one) == bytes([1, 2, 3, 4, 5, 255])


SCALED = ONE.model_copy(update={"methods": {"opml": {"input": {"scale": 0.25, "zero": 100}}}})
REALS = np.array([[-25, -0.25, 0], [0.1, 0.125, 9]])
STORED = bytes([0, 99, 100, 100, 101, 136])


@pytest.mark.parametrize("raw", [npy(REALS), npy(REALS.astype(">f4")), json.dumps(REALS.tolist())])
def test_a_compiled_model_takes_what_its_parent_takes(raw: bytes | str) -> None:
    data = raw.encode() if isinstance(raw, str) else raw
    assert CODEC.encode(SCALED, data) == STORED


QUARTERS, HALVES = {"input": {"scale": 0.25, "zero": 100}}, {"input": {"scale": 0.5, "zero": 0}}
TWICE = ONE.model_copy(update={"methods": {"opml": HALVES, "zkml": QUARTERS}})


def test_a_compiled_models_answer_says_what_its_integers_stand_for() -> None:
    out = TensorSpec(name="y", wire="i64", engine="int64", shape=(2,))
    notes = {"zkml": {"output": {"scale": 0.25, "zero": 0}}}
    made = ONE.model_copy(update={"outputs": (out,), "methods": notes})
    answer = CODEC.decode(made, np.array([5, -2], "<i8").tobytes())
    assert answer == {"outputs": {"y": [5, -2]}, "reals": {"y": [1.25, -0.5]}}


def test_a_note_under_another_method_changes_no_scale() -> None:
    reals = npy(REALS)
    assert CODEC.encode(under(TWICE, ZKML), reals) == STORED
    assert CODEC.encode(under(TWICE, OPML), reals) != STORED
    shadowed = ONE.model_copy(update={"methods": {"opml": HALVES, "zkml": {}}})
    with pytest.raises(CodecError, match="float64"):  # no scale: reals are no u8
        CODEC.encode(under(shadowed, ZKML), reals)


def test_where_the_method_does_not_say_which_scale_counts_none_is_guessed() -> None:
    with pytest.raises(ScaleUnclearError):
        CODEC.encode(under(TWICE, NONE), npy(REALS))
    both = {"opml": QUARTERS, "zkml": QUARTERS}
    alike = ONE.model_copy(update={"methods": both})
    assert CODEC.encode(under(alike, NONE), npy(REALS)) == STORED


def test_whole_numbers_in_json_are_reals_too_for_a_compiled_model() -> None:
    assert CODEC.encode(SCALED, b"[[0, 1, 2], [-1, 400, -400]]") == bytes(
        [100, 104, 108, 96, 255, 0]
    )


def test_a_compiled_models_own_integers_go_as_they_are() -> None:
    assert CODEC.encode(SCALED, npy(np.array(ROWS, np.uint8))) == bytes([1, 2, 3, 4, 5, 255])


def test_no_scale_makes_a_value_of_nan() -> None:
    with pytest.raises(CodecError, match="NaN"):
        CODEC.encode(SCALED, npy(np.full((2, 3), np.nan)))


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4", "<u2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_integer_type_and_order(dtype: str, order: Any) -> None:
    data = npy(np.array(ROWS, dtype, order=order))
    assert CODEC.encode(ONE, data) == bytes([1, 2, 3, 4, 5, 255])


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    assert CODEC.encode(ONE, path) == CODEC.encode(ONE, path.read_bytes())


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ([[1, 2, 3]], r"tensor grid: expected u8 of shape \[2, 3\], got shape \[1, 3\]"),
        ([[1, 2], [3]], r"tensor grid: expected .* shape \[2, 3\]"),
        ([[1, 2, 3], [4, 5, 256]], r"tensor grid: .*from 0 to 255"),
        ([[1, 2, 3], [4, 5, -1]], r"tensor grid: .*from 0 to 255"),
        ([[1, 2, 3], [4, 5, 2**70]], r"tensor grid: .*type object"),
        ([[1, 2, 3], [4, 5, 6.5]], r"tensor grid: .*type float64"),
        ([[True] * 3] * 2, r"tensor grid: .*type bool"),
        ([["a"] * 3] * 2, r"tensor grid: expected even nested lists of numbers"),
        (None, "tensor grid"),
        ({"grid": ROWS}, r"exactly the tensors \['grid'\]"),
        ({"inputs": {"grid": ROWS, "more": 1}}, r"exactly the tensors"),
        ({"inputs": [ROWS]}, r"exactly the tensors"),
    ],
)
def test_what_does_not_fit_names_tensor_and_shape(tree: Any, problem: str) -> None:
    with pytest.raises(CodecError, match=problem):
        CODEC.encode(ONE, json.dumps(tree).encode())


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"1e400", b"1e39"])
def test_numbers_that_are_no_f32(text: bytes) -> None:
    with pytest.raises(CodecError):
        CODEC.encode(card(SCALE), text)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"[" * 20_000, b"9" * 5000, bytes(200_000)],
    ids=["empty", "open", "not-utf8", "deep", "huge-number", "long"],
)
def test_unreadable_input(data: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        CODEC.encode(ONE, data)
    assert caught.value.code in ("MN-CODEC-003", "MN-CODEC-004")
    assert "\n" not in str(caught.value)


def test_two_inputs_need_names() -> None:
    with pytest.raises(CodecError, match="name them"):
        CODEC.encode(TWO, json.dumps(ROWS).encode())


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_file_that_can_not_be_read(tmp_path: Path, kind: str) -> None:
    with pytest.raises(CodecError, match="MN-CODEC-004"):
        CODEC.encode(ONE, tmp_path / "missing" if kind == "missing" else tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        npy(np.array(ROWS, object)),
        npy(np.array(ROWS, "u1"))[:-1],
        npy(np.zeros((2, 3), [("a", "u1")])),
        npy(np.zeros((2, 3), "m8[s]")),
        b"\x93NUMPY\x01\x00\x10\x00" + b"{'shape': (1<<60)",
        b"\x93NUMPY\x09\x00",
        b"\x93NUMPY",
    ],
)
def test_npy_that_is_hostile_or_cut_off(data: bytes) -> None:
    with pytest.raises(CodecError):
        CODEC.encode(ONE, data)


def test_npy_header_is_checked_before_memory_is_taken() -> None:
    honest = npy(np.array(ROWS, "u1"))
    huge = honest.replace(b"(2, 3), }            ", b"(1048576, 1048576), }")
    assert huge != honest
    assert len(huge) == len(honest)
    with pytest.raises(CodecError, match="got shape"):
        CODEC.encode(ONE, huge)


@given(st.data())
def test_damaged_npy_gives_bytes_or_a_typed_error(data: st.DataObject) -> None:
    whole = bytearray(npy(np.array(ROWS, "u1")))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(6, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert len(CODEC.encode(ONE, bytes(whole))) == 6
    except CodecError:
        return


@given(st.binary(max_size=200))
def test_any_bytes_give_bytes_or_a_typed_error(raw: bytes) -> None:
    try:
        assert len(CODEC.encode(ONE, raw)) == 6
    except CodecError:
        return


def test_decode_gives_outputs_and_a_label() -> None:
    output = np.array([0.25, 0.75], "<f4").tobytes()
    assert CODEC.decode(ONE, output) == {"outputs": {"y": [0.25, 0.75]}}
    answer = CODEC.decode(card(GRID, labels=("no", "yes")), output)
    assert (answer["label"], answer["score"]) == ("yes", 0.75)
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    "output", [b"", bytes(7), bytes(9), np.array([np.nan, 0], "<f4").tobytes()]
)
def test_decode_refuses_what_is_no_answer(output: bytes) -> None:
    with pytest.raises(CodecError):
        CODEC.decode(ONE, output)


def test_text_in_place_of_numbers_takes_no_memory() -> None:
    """numpy would make each of the many as wide as the longest."""
    text = json.dumps(["x" * 25_000] + [""] * 8_000)
    tracemalloc.start()
    with pytest.raises(CodecError):
        CODEC.encode(ONE, text.encode())
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()
