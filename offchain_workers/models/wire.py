# SPDX-License-Identifier: Apache-2.0
"""Item bytes <-> arrays: little-endian, row-major, tensors in card order, then item after item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offchain_workers.models.card import TensorSpec
from offchain_workers.models.errors import TensorError, WireLengthError

Array = np.ndarray[Any, np.dtype[Any]]

_MOST_NESTED = 16


def item_bytes(specs: Sequence[TensorSpec]) -> int:
    """Bytes of one item over all its tensors."""
    return sum(spec.wire_bytes for spec in specs)


def count_items(specs: Sequence[TensorSpec], data: bytes) -> int:
    """How many whole items ``data`` holds; raises WireLengthError for none or a part of one."""
    size = item_bytes(specs)
    if not data or len(data) % size:
        raise WireLengthError(f"expected a multiple of {size} bytes per item, got {len(data)}")
    return len(data) // size


def split_items(specs: Sequence[TensorSpec], data: bytes) -> list[bytes]:
    """``data`` cut into its items."""
    size, n = item_bytes(specs), count_items(specs, data)
    return [data[i * size : (i + 1) * size] for i in range(n)]


def unpack_items(specs: Sequence[TensorSpec], data: bytes, n: int) -> dict[str, Array]:
    """``n`` items as arrays of shape (n, *shape) in the engine's types."""
    size = item_bytes(specs)
    if len(data) != n * size:
        raise WireLengthError(
            f"expected {n * size} bytes ({n} x {size}), got {len(data)}",
        )
    rows = np.frombuffer(data, np.uint8).reshape(n, size)
    arrays: dict[str, Array] = {}
    start = 0
    for spec in specs:
        column = np.ascontiguousarray(rows[:, start : start + spec.wire_bytes])
        wire = column.view(spec.wire_dtype).reshape(n, *spec.shape)
        arrays[spec.name] = wire.astype(spec.engine)
        start += spec.wire_bytes
    return arrays


def pack_items(specs: Sequence[TensorSpec], arrays: Mapping[str, Array]) -> bytes:
    """Arrays of shape (n, *shape) as item bytes; raises TensorError where one does not fit."""
    n = len(arrays[specs[0].name]) if specs[0].name in arrays else 0
    columns = []
    for spec in specs:
        array = arrays.get(spec.name)
        if array is None:
            raise TensorError(f"tensor {spec.name} is missing")
        if array.shape != (n, *spec.shape):
            raise shape_error(spec, array.shape)
        wire = np.ascontiguousarray(_cast(spec, array))
        columns.append(wire.reshape(n, spec.elements).view(np.uint8))
    return np.concatenate(columns, axis=1).tobytes()


def to_wire(spec: TensorSpec, array: Array) -> bytes:
    """One item of one tensor, as a person gave it: checks shape, type, range and NaN."""
    if array.shape != spec.shape:
        raise shape_error(spec, array.shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TensorError(f"{_expected(spec)}: NaN or infinity is not a value")
    wire = _cast(spec, array)
    if wire.dtype.kind == "f" and not np.isfinite(wire).all():
        raise TensorError(f"{_expected(spec)}: a value is out of range")
    return np.ascontiguousarray(wire).tobytes()


def shape_error(spec: TensorSpec, got: Sequence[int]) -> TensorError:
    """The error for an array of another shape."""
    return TensorError(f"{_expected(spec)}, got shape {list(got)}")


def _cast(spec: TensorSpec, array: Array) -> Array:
    """``array`` in the wire type: floats are rounded, integers must fit exactly."""
    target = spec.wire_dtype
    if array.dtype == target:
        return array
    if target.kind == "f" and array.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            return array.astype(target)
    if array.dtype.kind not in "iu":
        raise TensorError(f"{_expected(spec)}, got values of type {array.dtype}")
    bounds = np.iinfo(target)
    if array.size and (int(array.min()) < bounds.min or int(array.max()) > bounds.max):
        raise TensorError(
            f"{_expected(spec)}: values must be from {bounds.min} to {bounds.max}, "
            f"got {array.min()} to {array.max()}"
        )
    return array.astype(target)


def _expected(spec: TensorSpec) -> str:
    return f"tensor {spec.name}: expected {spec.wire} of shape {list(spec.shape)}"


def array_of(tree: Any) -> Array:
    """numpy's array of a number or of nested lists of them, which a stranger sent. Raises
    ValueError for text, lists that are not even, and too many within each other; OverflowError."""
    if isinstance(tree, str) or (isinstance(tree, list) and _has_text(tree)):
        raise ValueError("text")  # numpy makes room for the longest text in each place
    return np.asarray(tree)


def _has_text(data: list[Any], depth: int = 1) -> bool:
    kinds = set(map(type, data))
    if list not in kinds:
        return str in kinds
    if depth >= _MOST_NESTED:
        raise ValueError("too many lists within each other")
    inner = (value for value in data if type(value) is list)
    return str in kinds or any(_has_text(value, depth + 1) for value in inner)
