# SPDX-License-Identifier: Apache-2.0
"""A method that the package does not know is served by naming its class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.operator import seal
from tests.operator.world import PIXELS, Market, form, inline, until
from verifiers.errors import UnknownMethodError
from verifiers.methods import get_method, method_table
from verifiers.none import NoneMethod

TABLE = {"seal": "tests.operator.seal:SealMethod"}


def test_a_worker_serves_a_method_from_outside(market: Market) -> None:
    seal.install(market.network, market.chain.accounts[0])
    subnet = form(
        market.chain,
        market.network,
        market.model_id,
        market.operators,
        market.requester,
        seal.SEAL,
    )
    sealed = replace(market, subnet=subnet)
    primary = next(o for o in market.operators if o.address == subnet.members[0][0])
    with sealed.worker(primary, TABLE) as running:
        terms = sealed.terms(selector=seal.SEAL)
        job_id = sealed.post(terms, inline(PIXELS), running.promise(terms, inline(PIXELS)))
        until(lambda: sealed.paid(job_id))
    assert len(sealed.delivered(job_id)) == 1


def test_the_built_in_method_can_not_be_taken_over() -> None:
    table = method_table({"none": "tests.operator.seal:SealMethod"})
    assert isinstance(get_method("none", table), NoneMethod)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("unknown", {}),
        ("seal", {"seal": "no.such.module:Seal"}),
        ("seal", {"seal": "tests.operator.seal:Nothing"}),
        ("other", {"other": "tests.operator.seal:SealMethod"}),
    ],
)
def test_a_method_that_does_not_load_is_named(name: str, where: dict[str, str]) -> None:
    with pytest.raises(UnknownMethodError, match=name):
        get_method(name, where)
