# SPDX-License-Identifier: Apache-2.0
"""What the steady state may cost at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.table import Row

BATCH = 256


@dataclass(frozen=True)
class Bound:
    """The steady-state rows ``ops`` added up and divided by ``share`` cost at most ``limit``.

    A goal is not reached yet: it is reported, and shuts no gate.
    """

    name: str
    ops: tuple[str, ...]
    limit: int
    share: int = 1
    is_goal: bool = False


@dataclass(frozen=True)
class Verdict:
    """A bound and what was measured, rounded up."""

    name: str
    ops: tuple[str, ...]
    gas: int
    limit: int
    is_goal: bool = False

    @property
    def holds(self) -> bool:
        return self.gas <= self.limit


BOUNDS = (
    Bound("post, 64-byte reference", ("post:-:64B",), 65_000),
    Bound("post, 1 KiB inline", ("post:-:1KiB",), 90_000),
    Bound("deliver 32 bytes, paid at once", ("deliver:none:32B",), 85_000),
    Bound("happy path: post and deliver", ("post:-:64B", "deliver:none:32B"), 150_000),
    Bound(
        "an answer of 32 bytes in a batch of 256, all in",
        ("post:-:batch256", "deliver:none:batch256"),
        3_000,
        BATCH,
    ),
    Bound("opml, digits: a whole dispute", ("dispute:opml:digits",), 550_000),
    Bound("opml, digits: the fast path", ("dispute:opml:digits-fast",), 420_000),
    Bound(
        "opml, digits: post, and claim with an earlier claim's end",
        ("post:opml:digits", "next:opml:digits"),
        230_000,
    ),
    Bound(
        "opml, digits: post, claim and settle, each alone",
        ("post:opml:digits", "claim:opml:digits", "settle:opml:digits"),
        230_000,
        is_goal=True,
    ),
    Bound("zkml, digits: deliver, verify and pay", ("deliver:zkml:digits",), 950_000),
    Bound("zkml, digits CNN, input committed to", ("deliver:zkml:digits-cnn",), 850_000),
    Bound("teeml: an SGX quote, version 3", ("quote:teeml:v3",), 185_000),
    Bound("teeml: a TDX quote, version 4", ("quote:teeml:v4",), 205_000),
    Bound("teeml: a TDX quote, version 5", ("quote:teeml:v5",), 205_000),
    Bound("teeml: a key registered, all in", ("register:teeml:key",), 330_000),
    Bound("teeml: a result delivered and paid", ("deliver:teeml:exact",), 100_000),
    Bound("teeml: TCB info refreshed", ("tcbinfo:teeml:tdx",), 500_000),
    Bound("form, 3 of 8", ("form:-:3of8",), 140_000),
    Bound("form, 3 of 32", ("form:-:3of32",), 250_000),
)


def judge(rows: Iterable[Row], bounds: Iterable[Bound] = BOUNDS) -> list[Verdict]:
    """Each bound against the rows. Raises KeyError when a row that it needs is missing."""
    steady = {row.op: row.gas for row in rows if not row.first_use}
    return [
        Verdict(bound.name, bound.ops, _measured(bound, steady), bound.limit, bound.is_goal)
        for bound in bounds
    ]


def broken(verdicts: Iterable[Verdict]) -> list[str]:
    """One line for each bound that does not hold; none for goals."""
    return [
        f"{verdict.name}: {verdict.gas} is over the bound of {verdict.limit}"
        for verdict in verdicts
        if not (verdict.holds or verdict.is_goal)
    ]


def _measured(bound: Bound, steady: dict[str, int]) -> int:
    return -(-sum(steady[op] for op in bound.ops) // bound.share)
