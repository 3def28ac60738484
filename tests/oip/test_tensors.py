# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from offchain_workers.oip import DATATYPES, OipFormatError, join, read_tensors, split, tensor_entry

NONE = memoryview(b"")


def tensor(data: Any, shape: Any, datatype: str = "FP32", **more: Any) -> dict[str, Any]:
    return {"name": "x", "datatype": datatype, "shape": shape, "data": data} | more


def read(entry: dict[str, Any], tail: bytes = b"") -> np.ndarray[Any, Any]:
    return read_tensors([entry], memoryview(tail))["x"]


def refusal(*entries: Any, tail: bytes = b"") -> str:
    with pytest.raises(OipFormatError) as caught:
        read_tensors(list(entries), memoryview(tail))
    assert caught.value.code == "MN-ENGINE-012"
    return caught.value.message


@given(st.data(), st.sampled_from(sorted(DATATYPES)), st.booleans())
def test_a_tensor_survives_both_ways_bit_by_bit(
    data: st.DataObject, name: str, binary: bool
) -> None:
    dtype = DATATYPES[name]
    finite = {} if dtype.kind != "f" else {"allow_nan": binary, "allow_infinity": binary}
    elements = arrays.from_dtype(dtype, **finite)
    array = data.draw(arrays.arrays(dtype, arrays.array_shapes(max_dims=3), elements=elements))
    entry, tail = tensor_entry("x", array, binary)
    body, length = join({"outputs": [entry]}, [] if tail is None else [tail])
    received = split(body, None if length is None else str(length))
    found = read_tensors(received.tree["outputs"], received.tail)["x"]
    assert found.dtype == dtype
    assert found.shape == array.shape
    assert (found + 0).tobytes() == (array + 0).tobytes()  # JSON may lose the sign of a zero


def test_nested_lists_are_read_in_the_declared_shape() -> None:
    assert read(tensor([[1, 2], [3, 4]], [2, 2])).tolist() == [[1, 2], [3, 4]]
    assert read(tensor([1, 2, 3, 4], [2, 2])).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("data", "datatype"),
    [
        ([1.5], "INT32"),
        ([256], "UINT8"),
        ([-1], "UINT64"),
        ([2**63], "INT64"),
        ([1.0, 2**63], "INT64"),
        (["1"], "FP32"),
        ([None], "FP32"),
        ([1e39], "FP32"),
        ([65520], "FP16"),
        ([[1], [1, 2]], "FP32"),
        ([{}], "FP32"),
        ("AAAA", "FP32"),
        (None, "FP32"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_never_rounded(data: Any, datatype: str) -> None:
    refusal(tensor(data, [1], datatype))


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (["x" * 200_000] + [""] * 20_000, [20_001]),
        ([["x" * 200_000] + [1.5] * 20_000], [1, 20_001]),
        ([], [0, 2**47, 2**47]),
    ],
    ids=["a text as wide as any", "among numbers", "nothing, very wide"],
)
def test_a_small_body_never_makes_a_large_array(data: Any, shape: list[int]) -> None:
    """numpy would take 15 GiB for the first, and a ValueError comes of the last."""
    tracemalloc.start()
    refusal(tensor(data, shape))
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_lists_without_end_are_refused() -> None:
    data: list[Any] = [1]
    for _ in range(900):
        data = [data]
    refusal(tensor(data, [1]))


def test_integers_that_only_uint64_holds() -> None:
    assert read(tensor([1, 2**64 - 1], [2], "UINT64")).tolist() == [1, 2**64 - 1]


def test_the_largest_float_of_each_width() -> None:
    for name in ("FP16", "FP32", "FP64"):
        largest = np.finfo(DATATYPES[name]).max
        entry, _ = tensor_entry("x", np.array([largest, -largest]), False)
        again = orjson.loads(join({"x": entry | {"datatype": name}}, [])[0])["x"]
        assert read(again).tolist() == [largest, -largest]


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        {},
        {"name": 1},
        {"name": "x"},
        tensor([1], [1], "BYTES"),
        tensor([1], [1], "fp32"),
        tensor([1], 1),
        tensor([1], [-1]),
        tensor([1], [1.0]),
        tensor([1], [True]),
        tensor([1], [2]),
        tensor([1], [1] * 17),
        tensor([1], [2**40, 2**40]),
        tensor(None, [1], parameters={"binary_data_size": 4}),
        tensor(None, [1], parameters={"binary_data_size": -4}),
        tensor(None, [1], parameters={"binary_data_size": "4"}),
    ],
)
def test_entries_that_contradict_themselves(entry: Any) -> None:
    refusal(entry)


def test_bytes_that_belong_to_nobody() -> None:
    refusal(tensor([1], [1]), tail=b"\0")
    whole = {"parameters": {"binary_data_size": 4}}
    refusal(tensor(None, [1], **whole), tail=b"\0\0\0")
    refusal(tensor(None, [2], **whole), tail=b"\0\0\0\0")
    refusal(tensor([1], [1]), tensor([1], [1]))


def test_tensors_that_nobody_asked_for_are_passed_over() -> None:
    other = {"name": "text", "datatype": "BYTES", "shape": [1]}
    entries = [
        other | {"parameters": {"binary_data_size": 3}},
        tensor(None, [1], parameters={"binary_data_size": 4}),
    ]
    tail = memoryview(b"abc" + np.float32(7).tobytes())
    assert read_tensors(entries, tail, ["x"])["x"].tolist() == [7]
    assert read_tensors([other, tensor([7], [1])], NONE, ["x"]).keys() == {"x"}


@pytest.mark.parametrize("length", ["-1", "x", "3", "", "\u0661", "1" * 20])
def test_a_json_length_outside_of_the_body(length: str) -> None:
    with pytest.raises(OipFormatError):
        split(b"{}", length)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a":NaN}', b"[" * 5000])
def test_bodies_that_are_no_json_object(data: bytes) -> None:
    with pytest.raises(OipFormatError):
        split(data, None)


def test_json_cannot_say_nan() -> None:
    with pytest.raises(OipFormatError, match="binary"):
        tensor_entry("x", np.array([np.nan], np.float32), False)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(max_size=3), st.lists))
def test_whatever_is_sent_as_data_is_read_or_refused(data: Any) -> None:
    for name in ("UINT8", "INT64", "UINT64", "FP16", "FP32"):
        try:
            found = read(tensor(data, [1], name))
        except OipFormatError:
            continue
        assert found.dtype == DATATYPES[name]
