# SPDX-License-Identifier: Apache-2.0
"""What /metrics says."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest


class Metrics:
    """Counters and gauges of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.taken = self._counter("jobs_taken", "Jobs begun.")
        self.skipped = self._counter("jobs_left", "Jobs left or put off, by reason.", "code")
        self.failures = self._counter("job_failures", "Failures of engine or evidence.")
        self.promises = self._counter("acceptances_signed", "Acceptances signed.")
        self.refusals = self._counter("acceptances_refused", "Acceptances refused.", "code")
        self.deliveries = self._counter("deliveries", "Deliveries by what became of them.", "state")
        self.gas = self._counter(
            "gas_used", "Gas of mined calls, of a shared one its share.", "call"
        )
        self.shared = self._counter("calls_shared", "Mined calls that shared a transaction.")
        self.audits = self._counter("audit_calls", "Calls that audits asked for.", "call")
        self.audits_left = self._counter("audits_left", "Audits that do not go on.", "code")
        self.repairs = self._counter("repairs", "Rows that the sweep repaired.", "code")
        self.errors = self._counter("loop_errors", "Errors that the loop went on after.", "code")
        self.in_flight = self._gauge("jobs_in_flight", "Jobs being worked on.")
        self.queue = self._gauge("jobs_open", "Open jobs of our subnets that wait.")
        self.block = self._gauge("chain_block", "The last block that was followed.")
        self.stake = self._gauge("stake_wei", "Stake, reserved part included.")
        self.reserved = self._gauge("stake_reserved_wei", "Reserved part of the stake.")
        self.breaker = self._gauge("breaker_open", "1 while no jobs are taken after failures.")

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"fusion_worker_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"fusion_worker_{name}", what, registry=self._registry)
