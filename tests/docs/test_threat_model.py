# SPDX-License-Identifier: Apache-2.0
"""Each test that a page about cheating names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/threat-model.md", ROOT / "docs/opml-audits.md"]
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def named() -> list[tuple[str, str]]:
    """(file, test) of each name in the pages."""
    texts = (page.read_text(encoding="utf-8") for page in PAGES)
    return sorted({name for text in texts for name in NAME.findall(text)})


@cache
def functions_of(path: str) -> frozenset[str]:
    """The test functions of a file, those in classes included."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in functions if name.startswith("test_"))


@pytest.mark.parametrize(("path", "name"), named())
def test_the_test_exists(path: str, name: str) -> None:
    assert name in functions_of(path)


def test_names_are_found_at_all() -> None:
    assert len(named()) > 80
