# SPDX-License-Identifier: Apache-2.0
"""What docs/reason-codes.md says of reasons, held against them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

PAGE = Path(__file__).parents[1] / "docs/reason-codes.md"


class Documented(Protocol):
    """A member of an enumeration of reasons."""

    @property
    def name(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def final(self) -> bool: ...


def check_documented(reasons: Iterable[Documented], prefix: str, section: str) -> None:
    """The page's section has each reason as it is, and no other; no code stands twice."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    row = re.compile(
        rf"^\| (\w+) \| ({prefix}-\d{{3}}) \| (.+)\. \| (never|later) \|$", re.MULTILINE
    )
    documented = {m[1]: (m[2], m[3].lower(), m[4]) for m in row.finditer(text)}
    found = {
        one.name.lower(): (one.code, one.text.lower(), "never" if one.final else "later")
        for one in reasons
    }
    assert documented == found
    assert len({code for code, _, _ in found.values()}) == len(found)
