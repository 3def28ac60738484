# SPDX-License-Identifier: Apache-2.0
"""What the balancer hears of our jobs: who was asked to go first, and who delivered."""

from __future__ import annotations

import threading
from collections import OrderedDict

from offchain_workers.balancing import Balancer, Lease, Outcome
from offchain_workers.balancing import Settings as BalancerSettings
from offchain_workers.chain.contracts import SubnetInfo
from offchain_workers.gateway.tables import State

# Jobs take seconds, not milliseconds.
_DECAY_SECONDS = 60.0
_MOST_SUBNETS = 256
_OVER = (State.PENDING, State.PAID, State.REFUNDED, State.FAILED)


class Leases:
    """A balancer for each subnet, and the lease of each job that is not answered yet. Thread-safe;
    a restart begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._balancers: OrderedDict[bytes, Balancer] = OrderedDict()
        # With whether the primary promised to answer.
        self._open: dict[bytes, tuple[Lease, bool]] = {}
        self._convicted: set[str] = set()

    def balancer(self, subnet: SubnetInfo) -> Balancer:
        """Whose targets are the members' addresses."""
        with self._lock:
            found = self._balancers.pop(subnet.subnet_id, None)
            if found is None:
                settings = BalancerSettings(decay=_DECAY_SECONDS)
                found = Balancer([operator for operator, _ in subnet.members], settings)
                for operator in self._convicted:
                    found.canary(operator, passed=False)
            self._balancers[subnet.subnet_id] = found
            while len(self._balancers) > _MOST_SUBNETS:
                self._balancers.popitem(last=False)
            return found

    def canary(self, operator: str, passed: bool) -> None:
        """An answer was looked at: one that is wrong costs its operator all jobs until one passes,
        whatever the subnet."""
        with self._lock:
            known = operator in self._convicted
            if passed:
                self._convicted.discard(operator)
            else:
                self._convicted.add(operator)
            balancers = list(self._balancers.values())
        for balancer in balancers if known or not passed else ():
            balancer.canary(operator, passed)

    def keep(self, job_id: bytes, lease: Lease | None, accepted: bool) -> None:
        """Until the job's answer is known. ``accepted``: the primary has looked at input and terms
        and owes an answer in time."""
        if lease is not None:
            with self._lock:
                self._open[job_id] = lease, accepted

    def hear(self, job_id: bytes, state: str, operator: str | None) -> None:
        """How far a job is, and who answered."""
        if state not in _OVER:
            return
        with self._lock:
            held = self._open.pop(job_id, None)
        if held is None:
            return
        lease, accepted = held
        if operator is None:
            lease.finish(Outcome.CANCELLED)  # nobody delivered: says nothing about one of them
        elif operator == lease.target:
            lease.finish(Outcome.OK)
        else:
            # Without a promise the user's terms may be to blame: turns of a second, a slow input.
            lease.request.answered_elsewhere()
            lease.finish(Outcome.TIMEOUT, confirmed=accepted)
