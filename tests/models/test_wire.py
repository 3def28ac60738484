# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.models import TensorError, TensorSpec, WireLengthError
from offchain_workers.models.card import WIRE_TYPES, EngineType, WireType
from offchain_workers.models.wire import (
    count_items,
    item_bytes,
    pack_items,
    split_items,
    to_wire,
    unpack_items,
)


def spec(name: str, wire: Any, engine: Any, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, wire=wire, engine=engine, shape=shape)


TOKENS = spec("tokens", "u16", "int32", 3)
SCALE = spec("scale", "f32", "float32")


def test_layout_is_little_endian_tensor_after_tensor_item_after_item() -> None:
    data = pack_items(
        [TOKENS, SCALE],
        {
            "tokens": np.array([[1, 2, 256], [3, 4, 5]], np.int32),
            "scale": np.array([1.0, -2.0], np.float32),
        },
    )
    assert data.hex() == "0100020000010000803f" + "030004000500000000c0"
    assert item_bytes([TOKENS, SCALE]) == 10
    assert split_items([TOKENS, SCALE], data) == [data[:10], data[10:]]


def test_row_major_whatever_the_memory_order() -> None:
    grid = spec("grid", "u8", "uint8", 2, 3)
    array = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))
    assert pack_items([grid], {"grid": array}) == bytes(range(6))


@pytest.mark.parametrize("wire", get_args(WireType))
def test_every_wire_type_round_trips(wire: str) -> None:
    dtype = WIRE_TYPES[wire]
    one = spec("x", wire, dtype.name, 5)
    data = bytes(range(5 * dtype.itemsize)) * 3
    array = unpack_items([one], data, 3)["x"]
    assert (array.dtype.name, array.shape) == (dtype.name, (3, 5))
    assert pack_items([one], {"x": array}) == data


def test_wire_and_engine_types_are_the_same_families() -> None:
    assert {dtype.name for dtype in WIRE_TYPES.values()} == set(get_args(EngineType))


@given(st.integers(1, 4), st.data())
def test_unpack_then_pack_is_the_identity(n: int, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=n * 6, max_size=n * 6))
    assert pack_items([TOKENS], unpack_items([TOKENS], raw, n)) == raw


@pytest.mark.parametrize(("size", "n"), [(0, 1), (5, 1), (7, 1), (6, 2), (12, 1)])
def test_wrong_length_says_expected_and_actual(size: int, n: int) -> None:
    with pytest.raises(WireLengthError, match=rf"expected {6 * n} bytes.*got {size}"):
        unpack_items([TOKENS], bytes(size), n)


@pytest.mark.parametrize("size", [0, 5, 13])
def test_part_of_an_item_is_not_counted(size: int) -> None:
    with pytest.raises(WireLengthError, match="6 bytes per item"):
        count_items([TOKENS], bytes(size))


def test_arrays_that_do_not_fit_name_the_tensor() -> None:
    with pytest.raises(TensorError, match=r"tensor tokens: .*\[3\], got shape \[1, 4\]"):
        pack_items([TOKENS], {"tokens": np.zeros((1, 4), np.int32)})
    with pytest.raises(TensorError, match=r"tensor tokens: .*from 0 to 65535, got -1 to 0"):
        pack_items([TOKENS], {"tokens": np.array([[0, 0, -1]])})
    with pytest.raises(TensorError, match=r"tensor tokens: .*float64"):
        pack_items([TOKENS], {"tokens": np.zeros((1, 3))})
    with pytest.raises(TensorError, match="scale is missing"):
        pack_items([TOKENS, SCALE], {"tokens": np.zeros((1, 3), np.int32)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39, -1e39])
def test_a_persons_floats_must_be_finite_in_the_wire_type(value: float) -> None:
    with pytest.raises(TensorError, match="tensor scale"):
        to_wire(SCALE, np.array(value))


def test_integers_become_floats() -> None:
    assert to_wire(SCALE, np.array(2)) == np.float32(2).tobytes()
