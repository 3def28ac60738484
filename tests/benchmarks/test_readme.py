# SPDX-License-Identifier: Apache-2.0
"""The page shows the committed figures."""

from __future__ import annotations

import pytest

from benchmarks import README_FILE
from benchmarks.readme import gas_table, refreshed
from benchmarks.table import Row


def test_the_page_is_fresh() -> None:
    page = README_FILE.read_text()
    assert page == refreshed(page), "run `python -m benchmarks readme`"


def test_first_use_stands_beside_the_steady_state() -> None:
    rows = [Row("post:-:64B", 65_000, True, "new"), Row("post:-:64B", 64_000)]
    line = "| `post:-:64B` | 64,000 | 65,000 | first use: new |"
    assert gas_table(rows).splitlines()[-1] == line


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no part between"):
        refreshed("# Benchmarks")
