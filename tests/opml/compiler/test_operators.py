# SPDX-License-Identifier: Apache-2.0
"""ONNX's own cases of the listed operators: the program agrees, or the compiler says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import opml_operators

DOCUMENT = Path(__file__).parents[3] / "docs" / "opml-operators.md"


@pytest.mark.parametrize("op", opml_operators.OPERATORS)
def test_cases_agree_or_are_refused(op: str) -> None:
    found = [opml_operators.outcome(c.name) for c in opml_operators.cases() if c.op == op]
    assert found
    assert any(reason == "" for reason in found)


def test_the_table_in_the_docs_is_current() -> None:
    assert DOCUMENT.read_text() == opml_operators.table()
