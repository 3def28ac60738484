# SPDX-License-Identifier: Apache-2.0
"""Method `opml` on a pinned chain: claims, and games played to the end, with every receipt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_abi.abi import decode
from eth_account.signers.local import LocalAccount
from web3.types import TxReceipt

from benchmarks.market import DELIVER_WITHIN, GWEI, Market
from benchmarks.pinned import PinnedChain
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.opml import OPML, OpmlParams, Position, deploy_opml
from verifiers.opml.board import claim_id
from verifiers.opml.calls import Table
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge, Move, answer
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header

# The base fee must not decide what a bond is.
PARAMS = OpmlParams(windows=(600, 3600), clocks=(600, 3600), min_bond=10**6 * GWEI, bond_gas=0)
INLINE = b"\x00"


class OpmlMarket:
    """A market with `opml` listed and one model under it; three operators."""

    def __init__(self, chain: PinnedChain, header: Header) -> None:
        self.chain, self.header = chain, header
        self.market = Market.create(chain, {OPML: header.artifact_id()})
        with chain.automine():
            owner = chain.account("owner")
            self.verifier = deploy_opml(chain.w3, owner, self.market.network, PARAMS)
        self.market.offer_all(self.market.enlist(3), Tier.WEB2_CLOUD, OPML)
        self.market.next_epoch()
        self._subnet = self.market.form(self.market.spec(OPML, k=3))
        self.primary = self._subnet.members[0]

    def post(self, given: bytes) -> tuple[JobTerms, TxReceipt]:
        """A job over these input bytes, which travel with the post."""
        terms = self.market.terms(
            self._subnet,
            artifact_id=self.header.artifact_id(),
            input_commitment=Tensor(given).commitment,
            resolve_by=self.chain.now() + DELIVER_WITHIN + PARAMS.max_delay,
        )
        return terms, self.market.post(terms, INLINE + given)

    def claim(self, terms: JobTerms, output: bytes) -> TxReceipt:
        return self.chain.send(self.primary, self.verifier.claim(terms, self.header.abi(), output))

    def settle(self, terms: JobTerms) -> TxReceipt:
        """When the window is over."""
        self.chain.warp(self.chain.now() + PARAMS.windows[0] + 1)
        return self.chain.send(self.chain.account("keeper"), self.verifier.finalise(terms))


class Dispute:
    """One game between a claimant with its execution and a challenger with its own."""

    def __init__(
        self, scene: OpmlMarket, terms: JobTerms, theirs: Execution, ours: Execution
    ) -> None:
        self.scene, self.terms = scene, terms
        self.theirs, self.ours = theirs, ours
        self.challenger = scene.chain.account("challenger")
        self.job_id = terms.job_id(scene.market.network.marketplace.domain)
        claim = scene.verifier.claim_of(self.job_id)
        assert claim is not None
        self.claim = claim.word
        who = self.challenger.address
        self._table = Table(scene.verifier, scene.header, terms, self.job_id, self.claim, who)
        self._claim_id = claim_id(self.job_id, self.claim)
        output = theirs.outputs[scene.header.output_node].commitment
        self._challenge = Challenge(scene.header, ours, output)
        self._published: dict[bytes, bytes] = {}

    def play(self) -> Iterator[tuple[str, TxReceipt]]:
        """Move by move, to the proof."""
        yield "open", self._send(self.challenger, self._table.open(PARAMS.min_bond))
        name = "open"
        while name != "prove":
            key = self.scene.verifier.answer_key(self.job_id, self.claim, self.challenger.address)
            asked = self.scene.verifier.answered_at(self._claim_id, key) == 0
            move = answer(self.theirs, self.at) if asked else self._next(key)
            sender = self.scene.primary if asked else self.challenger
            name = move.name
            yield name, self._send(sender, self._table.call(move))

    @property
    def at(self) -> Position:
        game = self.scene.verifier.game(self.job_id, self.claim, self.challenger.address)
        assert game is not None
        return game.at

    def _next(self, key: bytes) -> Move:
        return self._challenge.next_move(self.at, self._published[key])

    def _send(self, sender: LocalAccount, call: Call) -> TxReceipt:
        receipt = self.scene.chain.send(sender, call)
        self._published.update(published(receipt, self.scene.verifier.abi))
        return receipt


def published(receipt: TxReceipt, abi: Any) -> dict[bytes, bytes]:
    """Answers by key."""
    from eth_utils.abi import event_abi_to_log_topic

    entry = next(e for e in abi if e["type"] == "event" and e["name"] == "Answered")
    topic = event_abi_to_log_topic(entry)
    return {
        bytes(log["topics"][1]): decode(["bytes"], bytes(log["data"]))[0]
        for log in receipt["logs"]
        if bytes(log["topics"][0]) == topic
    }
