# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays of integers that never overflow: int64 where a bound allows it, else Python ints."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# With room for one more addition.
LIMIT = 1 << 62


def peak(array: Array) -> int:
    """The greatest absolute value; 0 of nothing."""
    return max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0


def prepare(bound: int, *arrays: Array) -> tuple[Array, ...]:
    """The arrays, in a type that holds them and every number up to ``bound`` exactly."""
    is_small = bound < LIMIT and all(peak(a) < LIMIT for a in arrays if a.dtype == object)
    kind: type = np.int64 if is_small else object
    return tuple(array.astype(kind, copy=False) for array in arrays)


def offset(array: Array, number: int) -> Array:
    """``array + number``."""
    (ready,) = prepare(peak(array) + abs(number), array)
    result: Array = ready + number
    return result


def scaled(array: Array, number: int) -> Array:
    """``array * number``."""
    (ready,) = prepare(peak(array) * abs(number), array)
    result: Array = ready * number
    return result


def product(x: Array, y: Array) -> Array:
    x, y = prepare(peak(x) * peak(y), x, y)
    result: Array = x * y
    return result


def absolute(x: Array) -> Array:
    """Also of the least int64."""
    return np.asarray(np.abs(x.astype(object)), dtype=object)


def total(*terms: Array) -> Array:
    """The sum of arrays of shapes that broadcast."""
    first, *rest = prepare(sum(map(peak, terms)), *terms)
    for term in rest:
        first = first + term
    return first


def square_root(x: Array) -> Array:
    """``floor(sqrt(x))`` of numbers that are not negative."""
    if x.dtype == object:
        return np.asarray(np.frompyfunc(isqrt, 1, 1)(x), dtype=object)
    root = np.sqrt(x.astype(np.float64)).astype(np.int64)
    root -= root * root > x
    root += (root + 1) * (root + 1) <= x
    return root
