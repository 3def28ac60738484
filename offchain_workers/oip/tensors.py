# SPDX-License-Identifier: Apache-2.0
"""Single tensors. Reading never guesses: a value that does not fit its datatype is an error."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from offchain_workers.models.wire import Array, array_of
from offchain_workers.oip.errors import OipFormatError

DATATYPES: dict[str, np.dtype[Any]] = {
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
# The protocol's name of each of numpy's; by numpy's short code too, which is quicker to look at.
NAMES: dict[str, str] = {dtype.name: name for name, dtype in DATATYPES.items()}
_BY_CODE = {dtype.str: name for name, dtype in DATATYPES.items()}
# From here on a number rounds to infinity.
_TOO_LARGE = {2: 65_520.0, 4: 3.4028235677973366e38, 8: math.inf}
_MAX_DIMENSIONS = 16
# Beside a dimension of 0 the others say nothing about the data, and numpy still multiplies them.
_MAX_ELEMENTS = 1 << 48


def read_tensors(
    entries: object, tail: memoryview, only: Collection[str] | None = None
) -> dict[str, Array]:
    """The tensors of ``inputs`` or ``outputs``; binary ones lie in ``tail`` in their order.

    ``only``: pass over those of other names, whatever they are. Raises OipFormatError, also when
    bytes are left over.
    """
    if not isinstance(entries, list) or not entries:
        raise OipFormatError("a list of tensors is missing")
    found: dict[str, Array] = {}
    at = 0
    for entry in entries:
        name = _name(entry)
        size = _binary_size(entry)
        if only is not None and name not in only:
            at += size or 0
            continue
        if name in found:
            raise OipFormatError(f"tensor {name} is there twice")
        dtype, shape = _declared(name, entry)
        if size is None:
            found[name] = _from_json(name, entry.get("data"), dtype, shape)
        else:
            found[name] = _from_bytes(name, tail[at : at + size], size, dtype, shape)
            at += size
    if at != len(tail):
        raise OipFormatError(f"{len(tail) - at} bytes belong to no tensor")
    return found


def tensor_entry(name: str, array: Array, binary: bool) -> tuple[dict[str, Any], bytes | None]:
    """A tensor's JSON, and its bytes when they travel apart from it.

    Raises OipFormatError for NaN and infinity, which JSON can't say.
    """
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    entry = {"name": name, "datatype": _BY_CODE[array.dtype.str], "shape": array.shape}
    if binary:
        data = array.tobytes()
        return entry | {"parameters": {"binary_data_size": len(data)}}, data
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise OipFormatError(f"tensor {name} has NaN or infinity: ask for binary tensors")
        if array.dtype.itemsize == 2:
            array = array.astype(np.float32)
    return entry | {"data": array.reshape(-1)}, None


def _name(entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise OipFormatError("a tensor is not a JSON object with a name")
    return name


def _declared(name: str, entry: Mapping[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    kind, shape = entry.get("datatype"), entry.get("shape")
    dtype = DATATYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise OipFormatError(f"tensor {name}: datatype {str(kind)[:40]} is not one of ours")
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS or not all(map(_size, shape)):
        raise OipFormatError(f"tensor {name}: its shape is not a list of sizes")
    if math.prod(max(size, 1) for size in shape) >= _MAX_ELEMENTS:
        raise OipFormatError(f"tensor {name}: no array has its shape")
    return dtype, tuple(shape)


def _size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _binary_size(entry: Mapping[str, Any]) -> int | None:
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, Mapping) else None
    if size is not None and not _size(size):
        raise OipFormatError("binary_data_size is not a size")
    return size


def _from_bytes(
    name: str, data: memoryview, size: int, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Array:
    if len(data) != size or size != math.prod(shape) * dtype.itemsize:
        raise OipFormatError(
            f"tensor {name}: {dtype.name} {list(shape)} is not {size} bytes, {len(data)} are there"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def _from_json(name: str, data: object, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    if not isinstance(data, list):
        raise OipFormatError(f"tensor {name} has no data")
    try:
        raw = array_of(data)
        if raw.dtype.kind == "f" and dtype.kind in "iu" and dtype.itemsize == 8:
            raw = _wide(data, dtype)  # numpy makes floats of integers that only uint64 holds
    except (ValueError, OverflowError, TypeError):
        raise OipFormatError(f"tensor {name}: its data is not an array of {dtype.name}") from None
    if raw.size != math.prod(shape):
        raise OipFormatError(f"tensor {name}: {list(shape)} is not {raw.size} numbers")
    if raw.size and not _fits(raw, dtype):
        raise OipFormatError(f"tensor {name}: a value is no {dtype.name}")
    return raw.astype(dtype).reshape(shape)


def _wide(data: list[Any], dtype: np.dtype[Any]) -> Array:
    """Raises TypeError, OverflowError."""
    if not all(type(value) is int for value in _flat(data)):
        raise TypeError
    return np.array(data, dtype)


def _flat(data: Iterable[Any]) -> Iterable[Any]:
    for value in data:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _fits(raw: Array, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        if raw.dtype.kind not in "fiu":
            return False
        limit = _TOO_LARGE[dtype.itemsize]
        return bool(raw.max() < limit and raw.min() > -limit)
    if raw.dtype.kind not in "iu":
        return False
    bounds = np.iinfo(dtype)
    return int(raw.min()) >= bounds.min and int(raw.max()) <= bounds.max
