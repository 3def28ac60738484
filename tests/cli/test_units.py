# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain_workers.errors import FusionError
from offchain_workers.units import (
    UINT256_MAX,
    Wei,
    format_amount,
    format_duration,
    parse_amount,
    parse_duration,
)

WEI = st.integers(0, UINT256_MAX) | st.integers(0, 10**19)


@given(WEI)
def test_a_formatted_amount_parses_back_to_the_same_wei(wei: int) -> None:
    assert parse_amount(format_amount(wei)) == wei


@given(st.integers(0, 10**12))
def test_a_formatted_duration_parses_back_to_the_same_seconds(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(max_size=30))
def test_any_text_parses_or_is_refused_with_its_code(text: str) -> None:
    for parse, code in ((parse_amount, "MN-CLI-001"), (parse_duration, "MN-CLI-002")):
        refused = None
        try:
            assert parse(text) >= 0
        except FusionError as error:
            refused = error.code
        assert refused in (None, code)


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0.01 ether", 10**16),
        ("5 gwei", 5 * 10**9),
        ("1000 wei", 1000),
        ("1.5gwei", 1_500_000_000),
        (" 2 ETHER ", 2 * 10**18),
        ("0.000000000000000001 ether", 1),
        ("1.000 wei", 1),
    ],
)
def test_amounts_with_a_unit_parse_exactly(text: str, wei: int) -> None:
    amount = parse_amount(text)
    assert amount == wei
    assert isinstance(amount, Wei)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "0.01",
        "1e18 wei",
        "-1 ether",
        "1 eth",
        "0.5 wei",
        ".5 ether",
        "1_000 wei",
        "1,5 gwei",
        f"{UINT256_MAX + 1} wei",
        "9" * 5000 + " wei",
        "٣ wei",
        "0x10 wei",
    ],
)
def test_ambiguous_or_impossible_amounts_are_refused(text: str) -> None:
    with pytest.raises(FusionError, match="MN-CLI-001"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("0s", 0)],
)
def test_durations_with_a_unit_parse(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "1.5h", "10 min", "30m1h", "-5s", "1w"])
def test_ambiguous_durations_are_refused(text: str) -> None:
    with pytest.raises(FusionError, match="MN-CLI-002"):
        parse_duration(text)
