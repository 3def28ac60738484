# SPDX-License-Identifier: Apache-2.0
"""What becomes of a member that was to go first, when another delivered."""

from __future__ import annotations

import pytest

from offchain_workers.balancing import Balancer
from offchain_workers.chain.contracts import SubnetInfo
from offchain_workers.gateway.leases import Leases
from offchain_workers.gateway.tables import State

OPERATORS = tuple(f"0x{i:040x}" for i in range(1, 4))
SUBNET = SubnetInfo(bytes(32), 2**40, 3, 0, [(one, 1) for one in OPERATORS])


def missed(leases: Leases, balancer: Balancer, number: int, accepted: bool) -> None:
    """The first member was to answer a job, and the second did."""
    job_id = number.to_bytes(32, "big")
    leases.keep(job_id, balancer.pick(exclude=OPERATORS[1:]), accepted)
    leases.hear(job_id, State.PAID, OPERATORS[1])


@pytest.mark.parametrize("accepted", [True, False])
def test_who_promised_and_missed_is_ejected_and_who_did_not_promise_comes_last(
    accepted: bool,
) -> None:
    """A user sets turns of a second, or sends an input that is slow: no promise, no failure."""
    leases = Leases()
    balancer = leases.balancer(SUBNET)
    for number in range(3):
        missed(leases, balancer, number, accepted)
    first = next(view for view in balancer.view() if view.target == OPERATORS[0])
    assert first.is_ejected is accepted
    assert accepted or balancer.order()[-1] == OPERATORS[0]
    assert first.outstanding == 0
