# SPDX-License-Identifier: Apache-2.0
"""A market under `opml` whose every claim is drawn, and the members of its subnet as auditors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account.signers.local import LocalAccount

from offchain_workers.chain.call import Call
from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.audits import Audit, OpmlAudits
from offchain_workers.devnet import Devnet
from tests.operator.world import ETHER, build
from tests.opml.compiled import GIVEN, digits_bundle
from tests.opml.onchain import PARAMS, OpmlMarket, listed
from verifiers.base import Assignment, Auditor, Duty
from verifiers.opml.board import claim_id
from verifiers.opml.calls import Table
from verifiers.opml.method import OpmlMethod
from verifiers.opml.moves import answer
from verifiers.opml.openings import Execution

BUNDLE = digits_bundle()
RIGHT: Execution = BUNDLE.program.execution(GIVEN)
LAST = BUNDLE.header.output_node
PAY, COMMIT, CONFIRM = 10**16, 30, 30
EVERY = replace(
    PARAMS, audit_share=2**16, audit_gas=0, audit_pay=PAY, audit_seconds=(COMMIT, CONFIRM)
)
HOUR = 3_601


@contextmanager
def audited_market(chain: Devnet, folder: Path, k: int = 3) -> Iterator[OpmlMarket]:
    """The compiled digits, a subnet of ``k``, one coin in the fund."""
    base = build(chain, folder, k)
    with listed(base, BUNDLE.header, *BUNDLE.hashes, EVERY) as opml:
        files = (*base.files, *BUNDLE.blobs.values())
        opml = replace(opml, market=replace(opml.market, files=files))
        opml.send(opml.market.requester, Call(audits_of(opml).address, b"", ETHER))
        yield opml


def audits_of(opml: OpmlMarket) -> OpmlAudits:
    found = OpmlAudits.of(opml.verifier)
    assert found is not None
    return found


@dataclass
class Audited:
    """A claim to ``theirs`` by the first member, two blocks old, and what the others make of it.

    ``auditor`` is who is drawn; ``minds`` their workers' memory, ``restart`` empties it.
    """

    opml: OpmlMarket
    terms: JobTerms
    word: int
    theirs: Execution
    budget: int = ETHER

    def __post_init__(self) -> None:
        self.audits = audits_of(self.opml)
        self.job_id = self.opml.market.job_id(self.terms)
        self.claimant, *others = self.opml.market.operators
        self.others = {account.address: account for account in others}
        self.minds: dict[str, Auditor] = {}
        self.restart()

    @classmethod
    def claim(cls, opml: OpmlMarket, theirs: Execution = RIGHT, budget: int = ETHER) -> Audited:
        terms = opml.terms(GIVEN)
        opml.post(terms, GIVEN)
        word = opml.claim(terms, theirs.outputs[LAST].data)
        opml.market.chain.mine(2)
        return cls(opml, terms, word, theirs, budget)

    def restart(self) -> None:
        """Of all workers, which then know nothing but the chain."""
        for address in self.others:
            found = OpmlMethod().auditor(self.opml.market.network, address, self.budget)
            assert found is not None
            found.recover()
            self.minds[address] = found

    @property
    def id(self) -> bytes:
        return claim_id(self.job_id, self.word)

    @property
    def audit(self) -> Audit | None:
        return self.audits.audit(self.job_id, self.word)

    @property
    def auditor(self) -> LocalAccount:
        """Once drawn."""
        assert self.audit is not None
        return self.others[self.audit.auditor]

    @property
    def stands(self) -> bool:
        return self.opml.verifier.claim_of(self.job_id) is not None

    def due(self, address: str) -> Duty:
        """What a member's worker would send now."""
        return self.minds[address].due(self.assignment(address))

    def assignment(self, address: str) -> Assignment:
        return Assignment(
            network=self.opml.market.network,
            terms=self.terms,
            operator=address,
            card=lambda: BUNDLE.card,
            items=lambda: [GIVEN],
            output=lambda: b"",
            blob=BUNDLE.blob,
        )

    def act(self) -> list[str]:
        """Everybody does what is due; returns what that was."""
        done = []
        for address, account in self.others.items():
            for step in self.due(address).steps:
                self.opml.send(account, step.call)
                done.append(step.what)
        return done

    def left(self) -> set[str]:
        """Codes of the reasons for which somebody does nothing."""
        found = [self.due(address).left for address in self.others]
        return {error.code for error in found if error is not None}

    def respond(self) -> bool:
        """The claimant answers one question, if there is one."""
        look = self.opml.board.look(self.job_id)
        for game in look.games if look else ():
            if not game.answered_at:
                args = self.terms, self.job_id, self.word, game.challenger
                call = Table(self.opml.verifier, self.opml.header, *args).call(
                    answer(self.theirs, game.at)
                )
                self.opml.send(self.claimant, call)
                return True
        return False

    def play_on(self) -> list[str]:
        """Both sides move until the claim falls; the auditors' moves."""
        moves: list[str] = []
        while self.stands:
            answered, acted = self.respond(), self.act()
            assert answered or acted, moves
            moves += acted
        return moves

    def pass_seconds(self, seconds: int) -> None:
        self.opml.market.chain.increase_time(seconds)
