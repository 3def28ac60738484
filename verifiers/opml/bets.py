# SPDX-License-Identifier: Apache-2.0
"""Bonds of an auditor's own games, kept within a budget."""

from __future__ import annotations

import threading

from offchain_workers.chain.contracts.opml import GWEI, OpmlVerifier
from verifiers.opml.audit_errors import AuditLeftError, Reason

# Added to the least bond, which moves with the base fee until the transaction is mined.
_MARGIN = 4
# Less than this is too little to get a transaction mined.
_LAST_SECONDS = 15


class Bets:
    """``budget``: wei that may be in bonds at a time; bonds lost count while the claim stands."""

    def __init__(self, verifier: OpmlVerifier, budget: int) -> None:
        self._verifier = verifier
        self._budget = budget
        self._bonds: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def bond(self, claim: bytes, seconds: int) -> int:
        """Wei to open a game with, when ``seconds`` are left of the window; the same again for the
        same claim. Raises AuditLeftError."""
        if seconds < _LAST_SECONDS:
            raise AuditLeftError(Reason.WINDOW_NEAR, f"{max(seconds, 0)} seconds are left")
        least = self._verifier.bond_to_open()
        bond = -(-(least + least // _MARGIN) // GWEI) * GWEI
        with self._lock:
            known = self._bonds.get(claim)
            if known is not None:
                return known
            at_risk = sum(self._bonds.values())
            if at_risk + bond > self._budget:
                line = f"{at_risk} wei at risk, {bond} more, budget {self._budget}"
                raise AuditLeftError(Reason.BUDGET_SPENT, line)
            self._bonds[claim] = bond
        return bond

    def seen(self, claim: bytes, bond: int | None, stands: bool) -> None:
        """What the chain shows of our game against a claim."""
        with self._lock:
            if bond is not None:
                self._bonds[claim] = bond
            elif not stands:
                self._bonds.pop(claim, None)
