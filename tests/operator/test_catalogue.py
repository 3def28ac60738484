# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from offchain_workers.chain.rpc import RpcPool
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.models.catalog import published_models
from offchain_workers.operator.catalogue import Catalogue
from offchain_workers.storage import LocalStore
from tests.daemons import PATIENCE
from tests.operator.world import DIGITS, PIXELS, Market


def test_as_many_of_the_largest_jobs_as_there_are_slots_find_place(market: Market) -> None:
    settings = market.settings("shop", max_in_flight=12)
    market.stock("shop")
    engine, store = EmbeddedEngine("cpu"), LocalStore(settings.storage.folder)
    [model] = published_models(RpcPool([market.chain.url]), market.network)
    loaded = Catalogue(settings, market.network, engine, store).load(model)
    largest = PIXELS * DIGITS.card.limits.max_items
    answers = [loaded.runner.submit(largest) for _ in range(settings.worker.max_in_flight)]
    assert len({answer.result(PATIENCE) for answer in answers}) == 1
    loaded.close()
