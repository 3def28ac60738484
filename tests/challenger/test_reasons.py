# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

from offchain_workers.challenger.reasons import Reason
from offchain_workers.challenger.share import is_mine

PAGE = Path(__file__).parents[2] / "docs/reason-codes.md"
ROW = re.compile(r"^\| (\w+) \| (MN-OPML-\d{3}) \| (.+)\. \| (never|later) \|$", re.MULTILINE)


def test_reason_codes_are_documented_as_they_are() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n## Watcher\n")[1].split("\n## ")[0]
    documented = {m[1]: (m[2], m[3].lower(), m[4]) for m in ROW.finditer(section)}
    assert documented == {
        reason.name.lower(): (
            reason.code,
            reason.text.lower(),
            "never" if reason.final else "later",
        )
        for reason in Reason
    }
    assert len({reason.code for reason in Reason}) == len(Reason)


def test_shares_are_fair_and_differ_by_address() -> None:
    one, two = "0x" + "11" * 20, "0x" + "22" * 20
    jobs = [number.to_bytes(32, "big") for number in range(4_000)]
    first, second = ({job for job in jobs if is_mine(job, who, 0.25)} for who in (one, two))
    assert 900 < len(first) < 1_100
    assert 200 < len(first & second) < 300
    assert all(is_mine(job, one, 1.0) for job in jobs)
    assert not any(is_mine(job, one, 0.0) for job in jobs)
