# SPDX-License-Identifier: Apache-2.0
"""Every revert reason of a contract is in the docs; each one there is a contract's."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A reason is the string after an assert's last comma, or after raise.
REASON = re.compile(r'(?:^\s*assert\b[^"#]*?,|\braise)\s*"([^"]+)"', re.MULTILINE)
CELL = re.compile(r"`([^`]+)`(?:,|$)")


def reasons() -> set[str]:
    """All reason strings of our own contracts."""
    return {
        reason
        for path in (ROOT / "contracts").rglob("*.vy")
        for reason in REASON.findall(path.read_text(encoding="utf-8"))
    }


SECTIONS = {
    "docs/protocol.md": "24. Reverts",
    "docs/opml-game.md": "9. Reverts",
    "docs/teeml-contracts.md": "4. Reverts",
    "docs/zkml.md": "8. Reverts",
}


def documented() -> set[str]:
    """Those of the first columns of the tables of the sections on reverts."""
    found: set[str] = set()
    for path, title in SECTIONS.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
        cells = (line.split("|")[1].strip() for line in section.splitlines() if line[:1] == "|")
        found |= {reason for cell in cells for reason in CELL.findall(cell)}
    return found


def test_reasons_are_found_in_every_form() -> None:
    source = 'assert f(\n    a, b\n), "one"\n    raise "two"\n    assert x == 1, "three"\n'
    assert REASON.findall(source) == ["one", "two", "three"]


def test_every_reason_has_a_row() -> None:
    assert reasons() - documented() == set()


def test_every_row_is_a_reason() -> None:
    libraries = {r for r in documented() if r.startswith(("ownable", "ecdsa"))}
    assert documented() - libraries - reasons() == set()
