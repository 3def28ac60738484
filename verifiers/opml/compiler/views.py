# SPDX-License-Identifier: Apache-2.0
"""Strided views of stored tensors: what Reshape, Transpose, Slice and Expand cost nothing by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from verifiers.opml.compiler.graph import Array, Shape


@dataclass(frozen=True)
class View:
    """Element ``i`` of a tensor lies at ``base + sum(i * strides)`` of its storage."""

    shape: Shape
    strides: Shape
    base: int = 0

    @classmethod
    def stored(cls, shape: Shape, order: Sequence[int]) -> View:
        """Of a tensor whose dimensions lie in ``order``, the first outermost."""
        strides, step = [0] * len(shape), 1
        for axis in reversed(order):
            strides[axis] = step
            step *= shape[axis]
        return cls(shape, tuple(strides))

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def order(self) -> tuple[int, ...]:
        """The dimensions from the widest stride to the narrowest."""
        by_stride = sorted(range(len(self.shape)), key=lambda a: (-abs(self.strides[a]), a))
        return tuple(by_stride)

    def transpose(self, perm: Sequence[int]) -> View:
        return self._of(self._dummy().transpose(perm))

    def expand(self, shape: Shape) -> View:
        """Raises ValueError when the shapes don't broadcast."""
        return self._of(np.broadcast_to(self._dummy(), shape))

    def slice(self, index: tuple[slice, ...]) -> View:
        return self._of(self._dummy()[index])

    def reshape(self, shape: Shape) -> View | None:
        """None when the elements would have to move."""
        array = self._dummy()
        try:
            array.shape = shape
        except AttributeError:
            return None
        return self._of(array)

    # NumPy works out the geometry, over an array of single bytes that is never read.
    def _dummy(self) -> Array:
        strided = np.lib.stride_tricks.as_strided
        return strided(_NOTHING, self.shape, self.strides)

    def _of(self, array: np.ndarray[Any, np.dtype[Any]]) -> View:
        moved = array.__array_interface__["data"][0] - _NOTHING.__array_interface__["data"][0]
        return View(tuple(array.shape), tuple(array.strides), self.base + moved)

    def is_packed(self, axes: Sequence[int]) -> bool:
        """Whether ``axes``, the last fastest, lie one after the other without gaps."""
        step = 1
        for axis in reversed(axes):
            if self.shape[axis] != 1 and self.strides[axis] != step:
                return False
            step *= self.shape[axis]
        return True


_NOTHING = np.zeros(1, np.uint8)


@dataclass(frozen=True)
class Loop:
    """One dimension that a node counts over, with each operand's stride along it."""

    size: int
    strides: tuple[int, ...]


def loops(
    shape: Shape, order: Sequence[int], operands: Sequence[View], channels: bool = False
) -> list[Loop]:
    """The output's dimensions in storage order; those that all operands pass alike are merged.

    With ``channels`` the last one stays apart.
    """
    merged: list[Loop] = []
    for place, axis in enumerate(order):
        loop = Loop(shape[axis], tuple(view.strides[axis] for view in operands))
        if loop.size == 1:
            continue
        apart = channels and place == len(order) - 1
        if (
            merged
            and not apart
            and all(
                outer == inner * loop.size
                for outer, inner in zip(merged[-1].strides, loop.strides, strict=True)
            )
        ):
            merged[-1] = Loop(merged[-1].size * loop.size, loop.strides)
        else:
            merged.append(loop)
    return merged
