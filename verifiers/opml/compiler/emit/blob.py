# SPDX-License-Identifier: Apache-2.0
"""The weights blob: constants one after the other, each at a multiple of 256 bytes."""

from __future__ import annotations

import numpy as np

from verifiers.opml.compiler.graph import Array
from verifiers.opml.compiler.ir import DTYPE, Finish
from verifiers.opml.merkle import LEAF_BYTES
from verifiers.opml.program import Code

RECORD = np.dtype([("b", "<i8"), ("m", "<i4"), ("s", "<u4")])
WEIGHT_ZERO = 128


class Blob:
    """Collects segments; equal ones are stored once."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._known: dict[bytes, int] = {}

    def data(self) -> bytes:
        return bytes(self._data)

    def add(self, elements: Array, code: Code) -> int:
        """Where the first element lies, counted in elements."""
        return self._add(elements.astype(DTYPE[code]).tobytes()) >> code

    def add_weights(self, weights: Array) -> int:
        """Integers from -127 to 127 as u8 with zero point 128."""
        return self.add(weights + WEIGHT_ZERO, Code.U8)

    def add_records(self, finish: Finish, channels: int) -> int:
        """Parameter records, counted in records."""
        records = np.zeros(channels, RECORD)
        records["b"], records["m"], records["s"] = finish.bias, finish.m, finish.shift
        return self._add(records.tobytes()) // RECORD.itemsize

    def _add(self, data: bytes) -> int:
        if data not in self._known:
            self._data.extend(bytes(-len(self._data) % LEAF_BYTES))
            self._known[data] = len(self._data)
            self._data.extend(data)
        return self._known[data]
