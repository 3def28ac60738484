# SPDX-License-Identifier: Apache-2.0
"""What a keeper pays to close a job that nobody answered; it earns the tip."""

from __future__ import annotations

from benchmarks.market import Market
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.posts import REFERENCE
from benchmarks.table import Recorder


def refunds(chain: PinnedChain, record: Recorder) -> None:
    """Best-effort jobs."""
    market, subnet = Market.staffed(chain)
    for first_use in (True, False):
        terms = market.terms(subnet)
        market.post(terms, REFERENCE)
        chain.warp(terms.deliver_by + 1)
        receipt = chain.send(chain.account("keeper"), market.network.marketplace.refund(terms))
        note = "requester and keeper had no balance" if first_use else ""
        record.add("refund:-:expired", receipt, first_use=first_use, note=note)


def owed_refunds(chain: PinnedChain, record: Recorder) -> None:
    """Jobs that the primary had accepted: it is slashed."""
    market, subnet = Market.staffed(chain)
    for first_use in (True, False):
        terms = market.terms(subnet)
        market.post(terms, REFERENCE, market.accepted(terms, subnet))
        chain.warp(terms.deliver_by + 1)
        receipt = chain.send(chain.account("keeper"), market.network.marketplace.refund(terms))
        note = "nobody had a balance, no slash before" if first_use else "the primary is slashed"
        record.add("refund:-:expired-owed", receipt, first_use=first_use, note=note)
