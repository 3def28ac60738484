# SPDX-License-Identifier: Apache-2.0
"""TeemlVerifier: a key is registered by its quote, and what it signs is paid."""

from __future__ import annotations

from tests.contracts.parts import PAID
from tests.teeml.contracts.market import Market


def test_a_result_that_a_registered_key_signed_is_paid(tee: Market) -> None:
    key = tee.register()
    terms = tee.post()
    tee.deliver(terms, key)
    job = tee.world.job(terms)
    assert (job.status, job.operator) == (PAID, tee.members[0].address)
