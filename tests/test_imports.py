# SPDX-License-Identifier: Apache-2.0
"""Which package may import which: never back up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Package -> those that it must not know of.
ABOVE = {
    "operator": ("challenger", "cli", "localnet"),
    "challenger": ("operator", "cli", "localnet"),
    "gateway": ("operator", "challenger", "cli", "localnet"),
    "daemon": ("operator", "challenger", "gateway", "cli", "localnet"),
    "requester": ("operator", "challenger", "gateway", "cli", "localnet"),
    "engines": ("operator", "challenger", "daemon", "cli", "localnet"),
    "routing": ("operator", "challenger", "daemon", "requester", "cli", "localnet", "engines"),
    "evaluation": ("operator", "challenger", "daemon", "requester", "cli", "localnet"),
    "serving": ("operator", "challenger", "cli", "localnet", "chain"),
    "oip": ("operator", "challenger", "daemon", "cli", "localnet", "chain", "engines", "serving"),
    "canaries": ("operator", "challenger", "gateway", "cli", "localnet", "chain"),
    "balancing": (
        *("operator", "challenger", "gateway", "daemon", "requester", "cli", "localnet"),
        *("chain", "engines", "routing", "models", "storage", "canaries"),
    ),
    "chain": ("operator", "challenger", "daemon", "cli", "localnet", "engines", "routing"),
    "storage": ("operator", "challenger", "daemon", "cli", "localnet", "chain", "engines"),
}


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, module) of each import, those for type checkers included."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                yield path.name, node.module or ""
            elif isinstance(node, ast.Import):
                yield from ((path.name, alias.name) for alias in node.names)


@pytest.mark.parametrize("package", ABOVE)
def test_a_package_imports_nothing_above_it(package: str) -> None:
    above = tuple(f"offchain_workers.{name}" for name in ABOVE[package])
    found = list(imported(ROOT / "offchain_workers" / package))
    assert found
    assert [pair for pair in found if pair[1].startswith(above)] == []


def test_methods_import_no_daemon() -> None:
    above = tuple(f"offchain_workers.{name}" for name in ("operator", "challenger", "cli"))
    assert [pair for pair in imported(ROOT / "verifiers") if pair[1].startswith(above)] == []
