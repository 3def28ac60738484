# SPDX-License-Identifier: Apache-2.0
"""Finds external data in an ONNX file before a runtime opens it.

A tensor may name a file, relative to whatever folder the process is in, or (onnxruntime) an address
in memory. The package ``onnx`` could tell, but operators do not need it, and it would copy every
weight; this walks protobuf fields in place and skips the weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from offchain_workers.engines.errors import ExternalDataError, ModelCorruptError

# Message -> its fields that lead to a TensorProto; numbers are those of onnx.proto3.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, int, int]


def refuse_external_data(model: bytes) -> None:
    """Raise ExternalDataError, or ModelCorruptError where ``model`` is no protobuf at all."""
    waiting = [("model", 0, len(model))]
    while waiting:
        message, start, end = waiting.pop()
        children = _CHILDREN[message]
        for number, kind, begin, stop in _fields(model, start, end):
            if message == "tensor" and _is_external(model, number, begin, stop):
                raise ExternalDataError("the ONNX file keeps weights outside of itself")
            if kind == _BYTES and number in children:
                waiting.append((children[number], begin, stop))


def _is_external(data: bytes, number: int, begin: int, stop: int) -> bool:
    """``external_data`` is there, or ``data_location`` is anything but DEFAULT (0)."""
    if number == _DATA_LOCATION:
        return any(byte & 0x7F for byte in data[begin:stop])
    return number == _EXTERNAL_DATA


def _fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """(field number, wire type, begin, end of the value) of each field of one message."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        begin, stop = at, at
        if kind == _VARINT:
            _, stop = _varint(data, at, end)
        elif kind == _BYTES:
            size, begin = _varint(data, at, end)
            stop = begin + size
        elif kind in (_FIXED64, _FIXED32):
            stop = at + (8 if kind == _FIXED64 else 4)
        else:
            raise ModelCorruptError(f"the ONNX file is damaged at byte {at}")
        if stop > end:
            raise ModelCorruptError(f"the ONNX file is cut off or damaged at byte {at}")
        yield tag >> 3, kind, begin, stop
        at = stop


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number that starts at ``at``, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ModelCorruptError(f"the ONNX file is damaged at byte {at}")
