# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Calendar
@license AGPL-3.0-only
@author Model Network
@notice Dates of certificates and of Intel's documents as unix seconds.
"""


@pure
@internal
def _need(condition: bool):
    """
    @notice One revert for all that is no date: the code stays small.
    """
    assert condition, "date"


@pure
@internal
def _pair(word: uint256, place: uint256) -> uint256:
    """
    @return The number that two decimal digits write, the first of them at `place`.
    """
    high: uint256 = (word >> place) & 255
    low: uint256 = (word >> unsafe_sub(place, 8)) & 255
    self._need(high >= 48 and high <= 57 and low >= 48 and low <= 57)
    return unsafe_sub(unsafe_add(unsafe_mul(unsafe_sub(high, 48), 10), low), 48)


@pure
@internal
def _last_day(year: uint256, month: uint256) -> uint256:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@pure
@internal
def _unix(year: uint256, month: uint256, day: uint256, hour: uint256, minute: uint256, second: uint256) -> uint256:
    """
    @notice Refuses what no calendar has, leap seconds too, and years before 1970.
    """
    self._need(year >= 1970 and month >= 1 and month <= 12 and day >= 1)
    self._need(hour < 24 and minute < 60 and second < 60)
    if day > 28:
        self._need(day <= self._last_day(year, month))
    # Years begin in March, so that the leap day is the last one.
    of: uint256 = unsafe_sub(year, 1) if month <= 2 else year
    day_of_year: uint256 = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days: uint256 = of * 365 + of // 4 - of // 100 + of // 400 + day_of_year - 719_468
    return days * 86_400 + hour * 3_600 + minute * 60 + second
