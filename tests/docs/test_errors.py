# SPDX-License-Identifier: Apache-2.0
"""Every error code in the source has one row in docs/errors.md, and every row is in use."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("offchain_workers", "verifiers")
CODE = re.compile(r"MN-[A-Z]+-\d{3}")
ROW = re.compile(r"^\| (MN-([A-Z]+)-\d{3}) \| [^|]+ \| [^|]+ \|$")


def codes_in_source() -> dict[str, str]:
    """Each code and a file that has it."""
    return {
        code: str(path.relative_to(ROOT))
        for folder in SOURCES
        for path in sorted((ROOT / folder).rglob("*.py"))
        for code in CODE.findall(path.read_text(encoding="utf-8"))
    }


def rows() -> list[tuple[str, str]]:
    """(code, heading above) of each well-formed row."""
    heading, found = "", []
    for line in (ROOT / "docs/errors.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").split()[0]
        if match := ROW.match(line):
            found.append((match[1], heading))
    return found


def test_every_code_in_the_source_has_a_row() -> None:
    documented = {code for code, _ in rows()}
    missing = {code: at for code, at in codes_in_source().items() if code not in documented}
    assert not missing


def test_every_row_is_a_code_in_the_source() -> None:
    orphans = {code for code, _ in rows()} - set(codes_in_source())
    assert not orphans


def test_a_code_has_one_row_under_the_heading_of_its_area() -> None:
    counted = Counter(code for code, _ in rows())
    assert [code for code, count in counted.items() if count > 1] == []
    assert [code for code, heading in rows() if code.split("-")[1] != heading] == []


def test_every_table_line_is_a_well_formed_row() -> None:
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| MN-")]
    assert [line for line in lines if not ROW.match(line)] == []
