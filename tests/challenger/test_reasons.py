# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from offchain_workers.challenger.reasons import Reason
from offchain_workers.challenger.share import is_mine
from tests.reasons import check_documented


def test_reason_codes_are_documented_as_they_are() -> None:
    check_documented(Reason, "MN-OPML", "Watcher")


def test_shares_are_fair_and_differ_by_address() -> None:
    one, two = "0x" + "11" * 20, "0x" + "22" * 20
    jobs = [number.to_bytes(32, "big") for number in range(4_000)]
    first, second = ({job for job in jobs if is_mine(job, who, 0.25)} for who in (one, two))
    assert 900 < len(first) < 1_100
    assert 200 < len(first & second) < 300
    assert all(is_mine(job, one, 1.0) for job in jobs)
    assert not any(is_mine(job, one, 0.0) for job in jobs)
