# SPDX-License-Identifier: Apache-2.0
"""Method `opml` with the digits model as its compiler makes it: claims, and a dispute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

from web3.types import TxReceipt

from benchmarks.opml.lies import Target, dearest, lied
from benchmarks.opml.models import Compiled, digits
from benchmarks.opml.play import Dispute, OpmlMarket, Played
from benchmarks.pinned import PinnedChain
from benchmarks.table import Recorder
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.storage.reference import encode_inline
from verifiers.opml.merkle import Tensor

CASE = "opml:digits"
BATCH = 16
# Seconds before the end of a window in which the next job comes: less than its turn.
BEFORE_END = 20
FIRST_PROOF = "nobody was slashed before, and nobody rewarded"


class Digits(OpmlMarket):
    """The market of the compiled model; one claim stays open, so that stake remains reserved."""

    def __init__(self, chain: PinnedChain) -> None:
        self.model = _model()
        super().__init__(chain, self.model.header)
        self.ours = self.model.execution
        self.output = self.ours.outputs[self.header.output_node].data
        self.ask()

    def offer(self) -> JobTerms:
        """A new job."""
        given = self.model.given
        terms, self.last_post = self.post(Tensor(given).commitment, encode_inline(given))
        return terms

    def ask(self, output: bytes = b"") -> JobTerms:
        """A new job, and a claim of the right output when no other is given."""
        terms = self.offer()
        self.last_claim = self.claim(terms, output or self.output)
        return terms

    def ask_many(self, count: int) -> tuple[list[JobTerms], TxReceipt]:
        """So many jobs, and one transaction that claims them all."""
        jobs = [self.offer() for _ in range(count)]
        return jobs, self.claim_many(jobs, self.output)

    def dispute(self, target: Target) -> Dispute:
        """About a new job's claim that is wrong there."""
        theirs = lied(self.ours, self.header, target)
        terms = self.ask(theirs.outputs[self.header.output_node].data)
        return Dispute(self, terms, theirs, self.ours)


def happy_path(chain: PinnedChain, record: Recorder) -> None:
    """The happy path: a claim that nobody disputes."""
    digits = Digits(chain)
    note = "the operator had no stake reserved"
    record.add(f"claim:{CASE}", digits.last_claim, first_use=True, note=note)
    for first_use in (True, False):
        terms = digits.ask()
        if not first_use:
            record.add(f"post:{CASE}", digits.last_post, note="64 bytes of pixels inline")
            record.add(f"claim:{CASE}", digits.last_claim, note="locks a bond")
        note = "nobody had a balance" if first_use else "by the keeper, frees the bond"
        record.add(f"settle:{CASE}", digits.settle(terms), first_use=first_use, note=note)


def batched(chain: PinnedChain, record: Recorder) -> None:
    """What an operator's claims cost when many share one transaction, and their ends another: as
    its worker sends those that are ready at once."""
    digits = Digits(chain)
    digits.settle(digits.ask())
    digits.settle_many(digits.ask_many(1)[0])
    jobs, claimed = digits.ask_many(BATCH)
    note = f"{BATCH} jobs in one transaction"
    record.add(f"claim:{CASE}-batch{BATCH}", claimed, note=note)
    record.add(f"settle:{CASE}-batch{BATCH}", digits.settle_many(jobs), note=note)


def stream(chain: PinnedChain, record: Recorder) -> None:
    """What a job costs an operator whose jobs follow one another: as its worker sends the end of a
    claim, which waits for the next one."""
    digits = Digits(chain)
    digits.settle(digits.ask())
    before = digits.ask()
    chain.warp(digits.final_at(before) - BEFORE_END)
    chain.mine()
    receipt = digits.next(before, digits.offer(), digits.output)
    note = "ends an earlier claim and makes the next, in one transaction"
    record.add(f"next:{CASE}", receipt, note=note)


def disputes(chain: PinnedChain, record: Recorder) -> None:
    """A whole game about the dearest element, and the same by one that knows the wrong trace."""
    digits = Digits(chain)
    target = dearest(digits.ours, 1)[0]
    for first_use in (True, False):
        moves = list(_numbered(digits.dispute(target).play()))
        for name, receipt in moves:
            note = FIRST_PROOF if first_use and name == "prove" else ""
            record.add(f"{name}:{CASE}", receipt, first_use=first_use, note=note)
        receipts = [receipt for _, receipt in moves]
        record.add_sum(f"dispute:{CASE}", receipts, first_use=first_use)
    fast = [receipt for _, receipt in digits.dispute(target).fast(target.j, place(digits, target))]
    record.add_sum(f"dispute:{CASE}-fast", fast)


def place(digits: Digits, target: Target) -> int:
    """The byte that an element begins at."""
    return target.e << (digits.ours.nodes[target.j].out_code & 3)


@cache
def _model() -> Compiled:
    return digits()


def _numbered(played: Played) -> Iterator[tuple[str, TxReceipt]]:
    """Moves that are made more than once get a number."""
    seen: Counter[str] = Counter()
    for name, receipt in played:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}", receipt
