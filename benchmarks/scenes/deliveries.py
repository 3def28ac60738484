# SPDX-License-Identifier: Apache-2.0
"""What an operator pays to deliver under method `none`, which pays it at once."""

from __future__ import annotations

from benchmarks.bounds import BATCH
from benchmarks.market import Market, Subnet, payload
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.posts import ANSWER_BYTES, REFERENCE
from benchmarks.table import Recorder
from offchain_workers.chain.contracts.deployment import deploy_consumer

ANSWER = payload(ANSWER_BYTES, "answer")
CALLBACK_GAS = 300_000


def deliveries(chain: PinnedChain, record: Recorder) -> None:
    """All sizes of answers."""
    market, subnet = Market.staffed(chain)
    primary = subnet.members[0]
    for first_use in (True, False):
        terms = market.terms(subnet)
        market.post(terms, REFERENCE)
        receipt = market.deliver(terms, primary, ANSWER)
        note = "operator, publisher, requester and fees had no balance" if first_use else ""
        record.add("deliver:none:32B", receipt, first_use=first_use, note=note)
    terms = market.terms(subnet)
    market.post(terms, REFERENCE)
    record.add("deliver:none:1KiB", market.deliver(terms, primary, payload(1024, "answer")))
    batch = market.terms(subnet, n=BATCH, item_size=ANSWER_BYTES)
    market.post(batch, REFERENCE)
    answers = payload(BATCH * ANSWER_BYTES, "answers")
    record.add("deliver:none:batch256", market.deliver(batch, primary, answers), note="8 KiB")


def owed_deliveries(chain: PinnedChain, record: Recorder) -> None:
    """Jobs that the primary had accepted: in time, and too late."""
    market, subnet = Market.staffed(chain)
    primary, backup, _ = subnet.members
    pay_everyone(market, subnet)
    # One promise stays open, so that stake remains reserved.
    market.post(open_one := market.terms(subnet), REFERENCE, market.accepted(open_one, subnet))
    terms = market.terms(subnet)
    market.post(terms, REFERENCE, market.accepted(terms, subnet))
    receipt = market.deliver(terms, primary, ANSWER)
    record.add("deliver:none:owed", receipt, note="frees the primary's pledge")
    for first_use in (True, False):
        terms = market.terms(subnet)
        market.post(terms, REFERENCE, market.accepted(terms, subnet))
        chain.warp(chain.now() + terms.turn_length)
        receipt = market.deliver(terms, backup, ANSWER)
        note = (
            "the rescuer had no credit" if first_use else "a backup rescues, the primary is slashed"
        )
        record.add("deliver:none:late", receipt, first_use=first_use, note=note)


def callbacks(chain: PinnedChain, record: Recorder) -> None:
    """The answer goes on to the example consumer contract, which keeps its hash."""
    market, subnet = Market.staffed(chain)
    pay_everyone(market, subnet)
    requester = chain.account("requester")
    with chain.automine():
        consumer = deploy_consumer(chain.w3, requester, market.network.marketplace.address)
    for first_use in (True, False):
        terms = market.terms(
            subnet,
            requester=consumer.address,
            callback_target=consumer.address,
            callback_gas=CALLBACK_GAS,
        )
        value = market.network.marketplace.value_due(terms)
        posted = chain.send(requester, consumer.ask(terms, REFERENCE, None, value))
        if not first_use:
            record.add("post:-:by-contract", posted, note="through the example consumer")
        receipt = market.deliver(terms, subnet.members[0], ANSWER)
        assert any(consumer.answer_hash(terms.job_id(market.network.marketplace.domain)))
        note = "the consumer had no balance" if first_use else "callback included"
        record.add("deliver:none:callback", receipt, first_use=first_use, note=note)


def pay_everyone(market: Market, subnet: Subnet) -> None:
    """A job answered by each member in turn: from now on all balances are in use."""
    for index, member in enumerate(subnet.members):
        terms = market.terms(subnet, primary=index)
        market.post(terms, REFERENCE)
        market.deliver(terms, member, ANSWER)
