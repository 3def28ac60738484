# SPDX-License-Identifier: Apache-2.0
"""What a requester pays to post."""

from __future__ import annotations

from benchmarks.bounds import BATCH
from benchmarks.market import ETHER, Market, payload
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from offchain_workers.storage.reference import encode_inline, encode_reference

# With its locator the reference has 64 bytes.
REFERENCE = encode_reference("0x" + payload(32, "blob").hex(), "https://blobs.example:8443/v1/a")
ANSWER_BYTES = 32


def posts(chain: PinnedChain, record: Recorder) -> None:
    """All sizes of data, paid with the transaction."""
    market, subnet = Market.staffed(chain)
    assert len(REFERENCE) == 64
    first = market.post(market.terms(subnet), REFERENCE)
    record.add("post:-:64B", first, first_use=True, note="the first post of all")
    record.add("post:-:64B", market.post(market.terms(subnet), REFERENCE))
    for case, size in (("1KiB", 1024), ("4KiB", 4096)):
        data = encode_inline(payload(size, case))
        record.add(f"post:-:{case}", market.post(market.terms(subnet), data), note="input inline")
    batch = market.terms(subnet, n=BATCH, item_size=ANSWER_BYTES)
    record.add(
        "post:-:batch256", market.post(batch, REFERENCE), note="256 inputs behind one reference"
    )


def accepted_posts(chain: PinnedChain, record: Recorder) -> None:
    """With the primary's signed promise, which reserves its stake."""
    market, subnet = Market.staffed(chain)
    for first_use in (True, False):
        terms = market.terms(subnet)
        receipt = market.post(terms, REFERENCE, market.accepted(terms, subnet))
        note = "the primary had no stake reserved" if first_use else ""
        record.add("post:-:accepted", receipt, first_use=first_use, note=note)


def posts_from_balance(chain: PinnedChain, record: Recorder) -> None:
    """Paid out of coins that lie in the market."""
    market, subnet = Market.staffed(chain)
    chain.send(chain.account("requester"), market.network.marketplace.deposit(ETHER))
    receipt = market.post(market.terms(subnet), REFERENCE, value=0)
    record.add("post:-:from-balance", receipt, note="price and tip, in native coin")
