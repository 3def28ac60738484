# SPDX-License-Identifier: Apache-2.0
"""One dispute with its figures: who sent what for how much, and the judge's part of the proof."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from web3.types import TxReceipt

from benchmarks.opml.lies import Target, lied
from benchmarks.opml.play import Dispute, OpmlMarket, Played
from benchmarks.pinned import PinnedChain
from benchmarks.scenes.posts import REFERENCE
from offchain_workers.chain.contracts import JobTerms
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header

CHALLENGERS = {"open", "open_at", "pick", "prove"}


@dataclass(frozen=True)
class Move:
    """One transaction of a game."""

    move: str
    by: str
    gas: int


@dataclass(frozen=True)
class Match:
    """A whole game; ``step`` is the judge's own gas in the last transaction."""

    moves: list[Move]
    step: int

    @property
    def gas(self) -> int:
        return sum(move.gas for move in self.moves)

    def paid(self, by: str) -> int:
        return sum(move.gas for move in self.moves if move.by == by)

    def document(self) -> dict[str, Any]:
        return {
            "gas": self.gas,
            "claimant": self.paid("claimant"),
            "challenger": self.paid("challenger"),
            "transactions": len(self.moves),
            "judge": self.step,
            "moves": [asdict(move) for move in self.moves],
        }


class Table:
    """Disputes about one program on a chain of its own, in the steady state."""

    def __init__(self, chain: PinnedChain, header: Header, ours: Execution, target: Target) -> None:
        self.scene, self.ours = OpmlMarket(chain, header), ours
        # Stays open, so that stake remains reserved.
        self._claim(ours.outputs[header.output_node].data)
        # Nobody is slashed or rewarded for the first time from now on.
        self.whole(target)

    def whole(self, target: Target) -> Match:
        """Move by move."""
        return self._match(self._dispute(target).play())

    def fast(self, target: Target) -> Match:
        """By a challenger that knows the claimant's trace."""
        place = target.e << (self.ours.nodes[target.j].out_code & 3)
        return self._match(self._dispute(target).fast(target.j, place))

    def _dispute(self, target: Target) -> Dispute:
        theirs = lied(self.ours, self.scene.header, target)
        terms = self._claim(theirs.outputs[self.scene.header.output_node].data)
        return Dispute(self.scene, terms, theirs, self.ours)

    def _claim(self, output: bytes) -> JobTerms:
        terms, _ = self.scene.post(self.ours.given.commitment, REFERENCE)
        # A slice: a sparse tensor's data are not bytes.
        self.scene.claim(terms, output[:])
        return terms

    def _match(self, played: Played) -> Match:
        moves, receipts = [], []
        for name, receipt in played:
            by = "challenger" if name in CHALLENGERS else "claimant"
            moves.append(Move(name, by, int(receipt["gasUsed"])))
            receipts.append(receipt)
        return Match(moves, self._judged(receipts[-1]))

    def _judged(self, receipt: TxReceipt) -> int:
        """What the call of the judge took, from a trace of the transaction."""
        tx_hash, how = receipt["transactionHash"].to_0x_hex(), {"tracer": "callTracer"}
        traced = self.scene.chain.rpc("debug_traceTransaction", tx_hash, how)
        judge = str(self.scene.verifier.read("JUDGE")).lower()
        return sum(int(c["gasUsed"], 16) for c in traced["calls"] if c["to"].lower() == judge)
