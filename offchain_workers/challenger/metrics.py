# SPDX-License-Identifier: Apache-2.0
"""What /metrics says."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """Counters and gauges of one watcher, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.checked = self._counter("claims_checked", "Claims run again.", "verdict")
        self.left = self._counter("claims_left", "Claims left alone or put off.", "code")
        self.sent = self._counter("transactions", "Calls by what became of them.", "call", "state")
        self.errors = self._counter("loop_errors", "Errors that the loop went on after.", "code")
        self.standing = self._gauge("claims_standing", "Claims whose window is open or played on.")
        self.checking = self._gauge("claims_checking", "Claims being run again.")
        self.games = self._gauge("games_open", "Our open games.")
        self.at_risk = self._gauge("bonds_at_risk_wei", "Bonds that may be lost, or are.")
        self.budget = self._gauge("bonds_budget_wei", "The most that may be at risk.")
        self.block = self._gauge("chain_block", "The last block that was followed.")

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"fusion_watch_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"fusion_watch_{name}", what, registry=self._registry)
