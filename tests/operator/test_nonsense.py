# SPDX-License-Identifier: Apache-2.0
"""A worker whose only endpoint talks nonsense once."""

from __future__ import annotations

from typing import Any

import pytest

from offchain_workers.operator import Worker
from tests.chain.world import proxied
from tests.operator.test_worker import accepted_job
from tests.operator.world import Market, Running, until


@pytest.mark.parametrize("nonsense", ["0x", "zz"])
def test_nonsense_of_the_only_endpoint_does_not_end_a_worker(
    market: Market, nonsense: object
) -> None:
    told: list[str] = []

    def rewrite(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != "eth_call" or told:
            return answer
        told.append(request["method"])
        return {"jsonrpc": "2.0", "id": answer["id"], "result": nonsense}

    account = market.operators[0]
    settings = market.settings(account.address)
    market.stock(account.address)
    with proxied(market.chain.url) as endpoint:
        chain = settings.chain.model_copy(update={"rpc_urls": (endpoint.url,)})
        running = Running(Worker(settings.model_copy(update={"chain": chain}), account))
        running.start()
        try:
            job_id = accepted_job(market, running)
            endpoint.rewrite = rewrite
            until(lambda: told or running.error)
            until(lambda: market.paid(job_id) or running.error)
            assert running.error is None
        finally:
            running.abandon()
