# SPDX-License-Identifier: Apache-2.0
"""Method `opml` on a pinned chain: claims, and games played to the end, with every receipt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from eth_abi.abi import decode
from eth_account.signers.local import LocalAccount
from eth_utils.abi import event_abi_to_log_topic
from web3.types import TxReceipt

from benchmarks.market import DELIVER_WITHIN, GWEI, Market
from benchmarks.pinned import PinnedChain
from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, Tier
from offchain_workers.chain.contracts.opml import OPML, OpmlParams, Position, deploy_opml
from verifiers.opml.board import claim_id
from verifiers.opml.calls import Table
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import NAMED, Challenge, Move, answer
from verifiers.opml.named import after_statement
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header

# The base fee must not decide what a bond is.
PARAMS = OpmlParams(windows=(600, 3600), clocks=(600, 3600), min_bond=10**6 * GWEI, bond_gas=0)

Played = Iterator[tuple[str, TxReceipt]]


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

    def post(self, commitment: bytes, data: bytes) -> tuple[JobTerms, TxReceipt]:
        """A job over the input with this commitment; ``data`` as the market has it."""
        terms = self.market.terms(
            self._subnet,
            artifact_id=self.header.artifact_id(),
            input_commitment=commitment,
            resolve_by=self.chain.now() + DELIVER_WITHIN + PARAMS.max_delay,
        )
        return terms, self.market.post(terms, data)

    def claim(self, terms: JobTerms, output: bytes) -> TxReceipt:
        return self.chain.send(self.primary, self.verifier.claim(terms, self.header.abi(), output))

    def claim_many(self, jobs: Sequence[JobTerms], output: bytes) -> TxReceipt:
        """In one transaction."""
        claims = [self.verifier.claim(terms, self.header.abi(), output) for terms in jobs]
        return self.chain.send(self.primary, self.verifier.multicall(claims))

    def settle_many(self, jobs: Sequence[JobTerms]) -> TxReceipt:
        """In one transaction, when the last one's window is over."""
        self._wait_for(jobs[-1])
        ends = [self.verifier.finalise_due(terms) for terms in jobs]
        return self.chain.send(self.chain.account("keeper"), self.verifier.multicall(ends))

    def next(self, ended: JobTerms, terms: JobTerms, output: bytes) -> TxReceipt:
        """The end of a claim whose window is over and the next claim, in one transaction."""
        self._wait_for(ended)
        end, header = self.verifier.finalise_due(ended), self.header.abi()
        both = self.verifier.multicall([end, self.verifier.claim(terms, header, output)])
        return self.chain.send(self.primary, both)

    def settle(self, terms: JobTerms) -> TxReceipt:
        """When the window is over."""
        self._wait_for(terms)
        return self.chain.send(self.chain.account("keeper"), self.verifier.finalise(terms))

    def final_at(self, terms: JobTerms) -> int:
        """When the window of the job's claim ends."""
        claim = self.verifier.claim_of(terms.job_id(self.market.network.marketplace.domain))
        assert claim is not None
        return claim.final_at

    def _wait_for(self, terms: JobTerms) -> None:
        self.chain.warp(self.final_at(terms) + 1)


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

    def play(self) -> Played:
        """Move by move, to the proof."""
        name, receipt = "open", self._open()
        yield name, receipt
        while name != "prove":
            key = self._key()
            asked = self.scene.verifier.answered_at(self._claim_id, key) == 0
            move = answer(self.theirs, self.at) if asked else self._next(key)
            name = move.name
            yield name, self._send(move)
        self._check_fallen()

    def fast(self, j: int, place: int) -> Played:
        """By a challenger that knows the claimant's trace: to byte ``place`` of node ``j``'s output
        at once, which its game names."""
        named = Position(NAMED, 0, j, place, 0, ZERO)
        yield "open_at", self._send_open(self._table.open_at(PARAMS.min_bond, j, place))
        key = self._key()
        yield "state", self._send(answer(self.theirs, named))
        stated = self._published[key]
        yield "prove", self._send(after_statement(self._challenge, self.theirs, named, stated))
        self._check_fallen()

    @property
    def at(self) -> Position:
        game = self.scene.verifier.game(self.job_id, self.claim, self.challenger.address)
        assert game is not None
        return game.at

    def _key(self) -> bytes:
        return self.scene.verifier.answer_key(self.job_id, self.claim, self.challenger.address)

    def _next(self, key: bytes) -> Move:
        return self._challenge.next_move(self.at, self._published[key])

    def _open(self) -> TxReceipt:
        return self._send_open(self._table.open(PARAMS.min_bond))

    def _send_open(self, call: Call) -> TxReceipt:
        return self.scene.chain.send(self.challenger, call)

    def _send(self, move: Move) -> TxReceipt:
        sender = self._sender(move)
        receipt = self.scene.chain.send(sender, self._table.call(move))
        self._published.update(published(receipt, self.scene.verifier.abi))
        return receipt

    def _sender(self, move: Move) -> LocalAccount:
        return self.challenger if move.name in ("pick", "prove") else self.scene.primary

    def _check_fallen(self) -> None:
        assert self.scene.verifier.claim_of(self.job_id) is None


def published(receipt: TxReceipt, abi: Any) -> dict[bytes, bytes]:
    """Answers by key."""
    entry = next(e for e in abi if e["type"] == "event" and e["name"] == "Answered")
    topic = event_abi_to_log_topic(cast(Any, entry))
    return {
        bytes(log["topics"][1]): decode(["bytes"], bytes(log["data"]))[0]
        for log in receipt["logs"]
        if bytes(log["topics"][0]) == topic
    }
