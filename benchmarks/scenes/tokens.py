# SPDX-License-Identifier: Apache-2.0
"""The same steps where the price is in an ERC-20 token (snekmate's)."""

from __future__ import annotations

from benchmarks import ROOT
from benchmarks.compiled import Factory
from benchmarks.market import ETHER, Market, Subnet
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.deliveries import ANSWER
from benchmarks.scenes.posts import REFERENCE
from benchmarks.table import Recorder
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import Tier
from offchain_workers.chain.contracts.erc20 import Erc20

TOKEN = ROOT / "tests" / "contracts" / "mocks" / "PlainToken.vy"
ALLOWANCE = 2**255


def tokens(chain: PinnedChain, record: Recorder) -> None:
    """Post, deliver, deposit, withdraw."""
    market, subnet = _staffed(chain)
    for first_use in (True, False):
        terms = market.terms(subnet)
        note = "the market held none of the token" if first_use else "allowance given before"
        receipt = market.post(terms, REFERENCE)
        record.add("post:-:erc20", receipt, first_use=first_use, note=note)
        receipt = market.deliver(terms, subnet.members[0], ANSWER)
        note = "nobody had a balance in the token" if first_use else "the tip is native coin"
        record.add("deliver:none:erc20", receipt, first_use=first_use, note=note)
    _funds(market, subnet.spec.token, record)


def _staffed(chain: PinnedChain) -> tuple[Market, Subnet]:
    """Three operators whose prices are in the token, and a requester who has some of it."""
    market = Market.create(chain)
    factory = Factory(chain, TOKEN)
    owner, requester = chain.account("owner"), chain.account("requester")
    token = factory.deploy(owner)
    chain.send(owner, factory.call(token, "mint", requester.address, ETHER))
    erc20 = Erc20(chain.w3, token)
    chain.send(requester, erc20.approve(market.network.marketplace.address, ALLOWANCE))
    market.offer_all(market.enlist(3), Tier.WEB2_CLOUD, token=token)
    market.next_epoch()
    return market, market.form(market.spec(token=token, k=3))


def _funds(market: Market, token: str, record: Recorder) -> None:
    """The requester has a balance by now: what its jobs left of their maximum price."""
    chain, marketplace = market.chain, market.network.marketplace
    requester = chain.account("requester")
    calls: dict[str, Call] = {
        "deposit:-:erc20": marketplace.deposit(1000, token),
        "withdraw:-:erc20": marketplace.withdraw(1000, requester.address, token),
    }
    for op, call in calls.items():
        record.add(op, chain.send(requester, call))
