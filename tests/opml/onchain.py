# SPDX-License-Identifier: Apache-2.0
"""Method `opml` on a development chain: a small program listed, and players with wallets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount
from web3.types import TxReceipt

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms, ModelRecord
from offchain_workers.chain.contracts.opml import (
    OPML,
    OpmlParams,
    OpmlVerifier,
    deploy_opml,
)
from offchain_workers.chain.wallet import Wallet
from tests.operator.world import PRICE, Market, form, inline
from verifiers.opml.board import Board, OpenGame
from verifiers.opml.calls import Table
from verifiers.opml.merkle import Tensor
from verifiers.opml.moves import Challenge, Move, answer
from verifiers.opml.openings import Execution
from verifiers.opml.program import Axis, Header, Kind, Node, Op, Operand, program_tree
from verifiers.opml.reference import execute

GIVEN_BYTES, HIDDEN, ANSWERS = 320, 16, 10
WINDOW, CLOCK = 60, 60
# No audits where nobody tests them: their lots would make tests differ from run to run.
PARAMS = replace(
    OpmlParams.development(),
    windows=(WINDOW, 3_600),
    clocks=(CLOCK, 1_800),
    audit_share=0,
    audit_fund=0,
)


@dataclass(frozen=True)
class Small:
    """Two linear layers, a copy between them: 320 bytes in, 10 out; the first has two blocks."""

    nodes: list[Node]
    weights: bytes

    @classmethod
    def make(cls, seed: int = 1) -> Small:
        count = GIVEN_BYTES * HIDDEN + HIDDEN * ANSWERS
        weights = random.Random(seed).randbytes(count)
        first = _linear(Kind.INPUT, 0, GIVEN_BYTES, HIDDEN, 0, 7)
        copy = Node(
            Op.MOVE,
            shape=(1, 1, 1, HIDDEN),
            a=Operand(Kind.TRACE, axes=(Axis(), Axis(), Axis(), Axis(1, 0, 0, HIDDEN - 1, 1))),
        )
        second = _linear(Kind.TRACE, 1, HIDDEN, ANSWERS, GIVEN_BYTES * HIDDEN, 6)
        return cls([first, copy, second], weights)

    @property
    def header(self) -> Header:
        return Header(
            program_tree(self.nodes).root,
            len(self.nodes),
            len(self.nodes) - 1,
            Tensor(self.weights).commitment,
            GIVEN_BYTES,
            ANSWERS,
            WINDOW,
            CLOCK,
        )

    def execute(self, given: bytes) -> Execution:
        outputs = [Tensor(data) for data in execute(self.nodes, self.weights, given)]
        return Execution(self.nodes, Tensor(given), Tensor(self.weights), outputs)


def _linear(kind: int, index: int, lanes: int, outputs: int, base: int, shift: int) -> Node:
    rows = Axis(1, 0, 0, outputs - 1, lanes)
    return Node(
        Op.DOT,
        shape=(1, 1, 1, outputs),
        lanes=lanes,
        shift=shift,
        zo=128,
        a=Operand(kind, index=index, zero=128),
        b=Operand(Kind.WEIGHTS, zero=128, base=base, axes=(Axis(), Axis(), Axis(), rows)),
    )


@dataclass
class OpmlMarket:
    """A market whose model id, subnet and operators are those of a model under `opml`."""

    market: Market
    verifier: OpmlVerifier
    header: Header

    @property
    def board(self) -> Board:
        found = Board.of(self.market.network)
        assert found is not None
        return found

    def terms(self, given: bytes, **changes: Any) -> JobTerms:
        terms = self.market.terms(
            selector=OPML,
            artifact_id=self.header.artifact_id(),
            input_commitment=Tensor(given).commitment,
            max_price=PRICE,
            n=1,
            item_size=0,
        )
        return replace(terms, resolve_by=terms.deliver_by + PARAMS.max_delay, **changes)

    def post(self, terms: JobTerms, given: bytes) -> bytes:
        return self.market.post(terms, inline(given))

    def send(self, account: LocalAccount, call: Call) -> TxReceipt:
        return Wallet(self.market.w3, account).send(call)

    def claim(self, terms: JobTerms, output: bytes, by: LocalAccount | None = None) -> int:
        """The first member's, if not told otherwise; the word that names it."""
        claimant = by or self.market.operators[0]
        self.send(claimant, self.verifier.claim(terms, self.header.abi(), output))
        found = self.verifier.claim_of(self.market.job_id(terms))
        assert found is not None
        return found.word

    def challenge(
        self,
        terms: JobTerms,
        account: LocalAccount,
        ours: Execution,
        named: tuple[int, int] | None = None,
    ) -> Challenger:
        """Open a game against the job's claim; ``named``: at a byte of a node's output."""
        job_id = self.market.job_id(terms)
        found = self.verifier.claim_of(job_id)
        assert found is not None
        game, bond = (job_id, found.word), 2 * self.verifier.bond_to_open()
        opening = self.verifier.open_at(*game, *named, bond) if named else None
        self.send(account, opening or self.verifier.open(*game, bond))
        output = ours.outputs[self.header.output_node].commitment
        return Challenger(self, terms, found.word, account, Challenge(self.header, ours, output))


@dataclass
class Challenger:
    """A scripted player; ``challenge.output`` is what was claimed."""

    opml: OpmlMarket
    terms: JobTerms
    claim: int
    account: LocalAccount
    challenge: Challenge

    @property
    def job_id(self) -> bytes:
        return self.opml.market.job_id(self.terms)

    @property
    def game(self) -> OpenGame | None:
        look = self.opml.board.look(self.job_id)
        games = look.games if look else ()
        return next((game for game in games if game.challenger == self.account.address), None)

    def move(self) -> Move:
        """The next one, against what the claimant published."""
        game = self.game
        assert game is not None
        assert game.answered_at
        move = self.challenge.next_move(game.at, self.opml.board.published(game))
        self.opml.send(self.account, self.table.call(move))
        return move

    @property
    def table(self) -> Table:
        opml = self.opml
        who = self.account.address
        return Table(opml.verifier, opml.header, self.terms, self.job_id, self.claim, who)

    def let_answer(self, theirs: Execution, account: LocalAccount) -> Move:
        """The claimant's answer, from an execution of its own."""
        game = self.game
        assert game is not None
        assert not game.answered_at
        move = answer(theirs, game.at)
        self.opml.send(account, self.table.call(move))
        return move


@contextmanager
def listed(
    base: Market, header: Header, onnx: bytes, card: bytes, params: OpmlParams = PARAMS
) -> Iterator[OpmlMarket]:
    """The market with the method and a model of that header; undone in the end."""
    snapshot = base.chain.rpc("evm_snapshot")
    verifier = deploy_opml(base.w3, base.chain.accounts[0], base.network, params)
    yield OpmlMarket(published(base, header, onnx, card), verifier, header)
    assert base.chain.rpc("evm_revert", snapshot)


def published(base: Market, header: Header, onnx: bytes, card: bytes) -> Market:
    """The same market about a model of that header, on a subnet of its own."""
    record = ModelRecord(onnx, card, artifacts={OPML: header.artifact_id()})
    Wallet(base.w3, base.publisher).send(base.network.models.publish(record, "http://127.0.0.1:9"))
    model_id = base.network.models.model_id(base.publisher.address, record)
    Wallet(base.w3, base.operators[0]).send(base.network.models.attest(model_id))
    subnet = form(base.chain, base.network, model_id, base.operators, base.requester, OPML)
    by_address = {account.address: account for account in base.operators}
    operators = [by_address[address] for address, _ in subnet.members]
    return replace(base, model_id=model_id, subnet=subnet, operators=operators)
