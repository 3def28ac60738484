# SPDX-License-Identifier: Apache-2.0
"""A simulated machine, and what is made of its quotes an hour after its collateral was issued."""

from __future__ import annotations

import json
from typing import Any

from verifiers.teeml.collateral import Collateral
from verifiers.teeml.policy import Policy
from verifiers.teeml.simulated import Platform, td_report
from verifiers.teeml.verify import REFUSED, Verdict, verify

MACHINE = Platform()
NOW = MACHINE.issued + 3_600
DATA = bytes(range(64))
TD = td_report(DATA)
QUOTE = MACHINE.quote(4, TD)
AUTHORITY = MACHINE.authority
Given = dict[str, str]


def judge(
    quote: bytes, given: Given, at: int = NOW, policy: Policy | None = None, root: Any = None
) -> Verdict:
    trust = root or MACHINE.authority.trust
    return verify(quote, Collateral.parse(json.dumps(given)), at, policy, trust)


def refusal(quote: bytes, given: Given, at: int = NOW) -> str:
    """The code that a quote is refused with, whatever a policy says."""
    found = judge(quote, given, at)
    assert (found.accepted, found.status, found.advisories) == (False, REFUSED, ())
    return found.reason.split(":")[0]
