# SPDX-License-Identifier: Apache-2.0
"""What publishers and operators pay to be listed."""

from __future__ import annotations

from benchmarks.market import ENDPOINT, ETHER, GWEI, NONE, PRICE, ROYALTY_BPS, Market, payload
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from offchain_workers.chain.contracts import ModelRecord, Tier
from offchain_workers.chain.contracts.subnets import book_id

SEATS = 32


def models(chain: PinnedChain, record: Recorder) -> None:
    """List a model, vouch for one."""
    market = Market.create(chain)
    registry = market.network.models
    listing = ModelRecord(payload(32, "onnx 2"), payload(32, "card 2"), ROYALTY_BPS)
    receipt = chain.send(chain.account("publisher"), registry.publish(listing, ENDPOINT))
    record.add("publish:-:model", receipt, note="without artifacts")
    [operator] = market.enlist(1)
    record.add("attest:-:model", chain.send(operator, registry.attest(market.model_id)))


def operators(chain: PinnedChain, record: Recorder) -> None:
    """From registration to an offer, its changes and its end."""
    market = Market.create(chain)
    subnets = market.network.subnets
    market.offer_all(market.enlist(7), Tier.WEB2_CLOUD)
    operator = chain.account("newcomer")
    register = subnets.register(payload(32, "manifest"), ENDPOINT, 2 * ETHER)
    steps = {
        "register:-:operator": register,
        "opt_in:-:method": subnets.opt_in(NONE),
        "offer:-:new": market.offer(Tier.WEB2_CLOUD),
    }
    notes = {"offer:-:new": "the eighth seat of a book"}
    for op, call in steps.items():
        record.add(op, chain.send(operator, call), note=notes.get(op, ""))
    for first_use in (True, False):
        market.next_epoch()
        change = market.offer(Tier.WEB2_CLOUD, price=PRICE + (2 - first_use) * GWEI)
        note = "the first change in a later epoch" if first_use else "a new price"
        record.add("offer:-:update", chain.send(operator, change), first_use=first_use, note=note)
    market.next_epoch()
    end = subnets.end_offer(book_id(market.model_id, NONE))
    record.add("offer:-:end", chain.send(operator, end))


def first_offer(chain: PinnedChain, record: Recorder) -> None:
    """The book is empty: no seat to read past."""
    market = Market.create(chain)
    [operator] = market.enlist(1)
    chain.send(operator, market.network.subnets.opt_in(NONE))
    receipt = chain.send(operator, market.offer(Tier.WEB2_CLOUD))
    record.add("offer:-:new", receipt, first_use=True, note="the first seat of a new book")


def full_book(chain: PinnedChain, record: Recorder) -> None:
    """A newcomer with more stake takes the smallest of 32 seats."""
    market = Market.create(chain)
    market.offer_all(market.enlist(SEATS), Tier.WEB2_CLOUD)
    market.next_epoch()
    [newcomer] = market.enlist(1)
    chain.send(newcomer, market.network.subnets.opt_in(NONE))
    receipt = chain.send(newcomer, market.offer(Tier.WEB2_CLOUD))
    record.add("offer:-:full-book", receipt, note="evicts the smallest of 32 seats")
