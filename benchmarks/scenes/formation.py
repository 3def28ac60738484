# SPDX-License-Identifier: Apache-2.0
"""What it costs to ask for a subnet and to form one.

The cost of a draw depends on its seed, and the seed on a block hash: any change of a contract would
move a single draw. So a row is the mean of many, over specs that differ in their price band alone.
"""

from __future__ import annotations

from web3.types import TxReceipt

from benchmarks.market import PARAMS, Market
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from offchain_workers.chain.contracts import Tier

DRAWS = 24
# The dearest band; the DRAWS below it still let every offer in.
BAND = 96


def requests(chain: PinnedChain, record: Recorder) -> None:
    """A spec's first request, and one that renews an expiring subnet."""
    market, subnet = Market.staffed(chain)
    [first] = market.request(market.spec(k=2))
    record.add("request:-:spec", first, first_use=True, note="a spec never asked for before")
    chain.warp(chain.now() + PARAMS.subnet_ttl)
    chain.mine()
    [again] = market.request(subnet.spec)
    record.add("request:-:spec", again, note="the spec's last subnet expires")


def three_of_8(chain: PinnedChain, record: Recorder) -> None:
    """A small book; and the keeper's first formation."""
    market = Market.create(chain)
    _seat(market, 8, Tier.WEB2_CLOUD)
    first, *others = _draw(market, 3)
    record.add("form:-:3of8", first, first_use=True, note="the keeper had no credit; one draw")
    record.add_draws("form:-:3of8", others)


def three_of_32(chain: PinnedChain, record: Recorder) -> None:
    """A full row of seats."""
    market = Market.create(chain)
    _seat(market, 32, Tier.WEB2_CLOUD)
    record.add_draws("form:-:3of32", _draw(market, 3)[1:])


def eight_of_96(chain: PinnedChain, record: Recorder) -> None:
    """The most that can be asked for: all seats of all tiers."""
    market = Market.create(chain)
    for tier in Tier:
        _seat(market, 32, tier)
    record.add_draws("form:-:8of32x3tiers", _draw(market, 8)[1:])


def _seat(market: Market, count: int, tier: Tier) -> None:
    market.offer_all(market.enlist(count), tier)


def _draw(market: Market, k: int) -> list[TxReceipt]:
    """Form DRAWS + 1 subnets, each from a seed of its own; the first finds a fresh keeper."""
    market.next_epoch()
    specs = [market.spec(k=k, band=BAND - i) for i in range(DRAWS + 1)]
    market.request(*specs)
    market.await_seed(specs[0])
    keeper, subnets = market.chain.account("keeper"), market.network.subnets
    return [market.chain.send(keeper, subnets.form(spec)) for spec in specs]
