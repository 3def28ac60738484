# SPDX-License-Identifier: Apache-2.0
"""A promise that would make the post revert is refused before anything is queued."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain_workers.balancing import Outcome
from offchain_workers.chain.contracts import Acceptance, JobTerms
from offchain_workers.requester.errors import AcceptanceForgedError
from offchain_workers.requester.pledges import check_pledge
from offchain_workers.requester.primary import outcome_of_asking
from tests.gateway.world import World

ETHER, GWEI = 10**18, 10**9
USELESS = [
    ({"pledge": 90 * ETHER}, "not covered"),
    ({"pledge": 0}, "none that the market takes"),
    ({"pledge": GWEI + 1}, "none that the market takes"),
    ({"pledge": GWEI << 40}, "none that the market takes"),
    ({"until": 1}, "over already"),
]


def test_only_a_pledge_that_the_market_would_reserve_counts(shared: World) -> None:
    terms = JobTerms.from_json(shared.post()["terms"])
    network = shared.net.network
    good = Acceptance(until=2**40, pledge=GWEI, v=27, r=1, s=1)
    check_pledge(network, terms, good)
    for change, why in USELESS:
        with pytest.raises(AcceptanceForgedError, match=why) as told:
            check_pledge(network, terms, replace(good, **change))
        assert outcome_of_asking(told.value) is Outcome.UNAVAILABLE  # counts against the member
