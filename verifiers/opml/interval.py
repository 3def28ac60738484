# SPDX-License-Identifier: Apache-2.0
"""Intervals of integers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Interval:
    """Every integer from ``least`` to ``greatest``."""

    least: int
    greatest: int

    @classmethod
    def around(cls, *numbers: int) -> Interval:
        return cls(min(numbers), max(numbers))

    @property
    def peak(self) -> int:
        """The greatest absolute value."""
        return max(-self.least, self.greatest)

    def hull(self, *numbers: int) -> Interval:
        """With these numbers too."""
        return Interval.around(self.least, self.greatest, *numbers)

    def clip(self, least: int, greatest: int) -> Interval:
        """Of ``min(max(x, least), greatest)``."""
        low, high = (min(max(x, least), greatest) for x in (self.least, self.greatest))
        return Interval(low, high)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.least + other.least, self.greatest + other.greatest)

    def __mul__(self, other: Interval) -> Interval:
        mine, others = (self.least, self.greatest), (other.least, other.greatest)
        return Interval.around(*(x * y for x, y in product(mine, others)))

    def scale(self, number: int) -> Interval:
        return Interval.around(self.least * number, self.greatest * number)

    def shift(self, number: int) -> Interval:
        return Interval(self.least + number, self.greatest + number)
