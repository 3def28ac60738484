# SPDX-License-Identifier: Apache-2.0
"""Which claims stand and which games are ours, folded from the verifier's events.

Nothing here outlives the process: it is made again from the followed events at a start, and after
a reorganisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from offchain_workers.chain.events import Event
from offchain_workers.chain.follower import Forward, Step
from offchain_workers.chain.tables import EventRow
from offchain_workers.challenger.tell import Tell, quiet
from offchain_workers.units import Wei
from verifiers.opml.board import claim_id

log = structlog.get_logger(__name__)

# GameClosed's reasons that end in our favour: proved, and the claimant out of time.
WINS = {1: "proved", 2: "claimant out of time"}
ENDS = {**WINS, 4: "challenger out of time", 5: "closed without a verdict"}


@dataclass
class Claimed:
    """A claim as events tell of it; ``given`` is the input when the job has a callback.

    ``bond``, ``playing``, ``won``, ``ended``: of our own game, in wei; ``ended`` without a win.
    """

    job_id: bytes
    word: int
    operator: str
    final_at: int
    given: bytes
    stands: bool = True
    bond: int = 0
    playing: bool = False
    won: bool = False
    ended: bool = False

    @classmethod
    def of(cls, event: Event) -> Claimed:
        """From an event Claimed."""
        args = event.args
        fields = ("job_id", "claim", "operator", "final_at", "input")
        return cls(*(args[name] for name in fields))

    @property
    def id(self) -> bytes:
        """What names the claim among all."""
        return claim_id(self.job_id, self.word)


class Docket:
    """Claims that matter still, by claim id; ``at_risk``: wei in bonds that may be lost, or are."""

    def __init__(self, me: str, tell: Tell = quiet) -> None:
        self.claims: dict[bytes, Claimed] = {}
        self.at_risk = 0
        self._me = me
        self._tell = tell

    def rebuild(self, session: Session) -> None:
        """From all events that are still on the chain; tells nothing again."""
        self.claims, self.at_risk = {}, 0
        query = select(EventRow).where(EventRow.name != "Answered")
        order = (EventRow.block_number, EventRow.log_index)
        self._fold(Event.of(row) for row in session.scalars(query.order_by(*order)))

    def apply(self, session: Session, steps: Sequence[Step]) -> None:
        """What a poll of the follower brought."""
        for step in steps:
            if isinstance(step, Forward):
                for event in self._fold(step.events):
                    self._report(event)
            else:
                log.warning("the chain was reorganised", back_to=step.to_block)
                self.rebuild(session)

    @property
    def standing(self) -> list[Claimed]:
        """What can be challenged, the most urgent first."""
        found = [claim for claim in self.claims.values() if claim.stands]
        return sorted(found, key=lambda claim: claim.final_at)

    @property
    def games(self) -> list[Claimed]:
        """Claims against which our own game is open."""
        return [claim for claim in self.claims.values() if claim.playing]

    @property
    def won(self) -> list[Claimed]:
        """Games won and not collected yet."""
        return [claim for claim in self.claims.values() if claim.won]

    # --- folding ------------------------------------------------------------------------------

    def _fold(self, events: Iterable[Event]) -> list[Event]:
        """Take events in; those about our own games come back."""
        ours = []
        for event in events:
            if event.name == "Claimed":
                self._claimed(event)
            elif event.name in ("Finalised", "Refuted"):
                self._resolved(event)
            elif event.args.get("challenger") == self._me:
                self._own(event)
                ours.append(event)
        return ours

    def _claimed(self, event: Event) -> None:
        claim = Claimed.of(event)
        self.claims[claim.id] = claim

    def _resolved(self, event: Event) -> None:
        claim = self.claims.get(claim_id(event.args["job_id"], event.args["claim"]))
        if claim is not None:
            claim.stands = False
            self._drop(claim)

    def _own(self, event: Event) -> None:
        args = event.args
        named = args.get("claim_id") or claim_id(args["job_id"], args["claim"])
        claim = self.claims.get(named)
        if claim is None:
            return
        if event.name == "Opened":
            claim.bond, claim.playing, claim.ended = args["bond"], True, False
            self.at_risk += args["bond"]
        elif event.name == "GameClosed":
            claim.playing, claim.won = False, args["reason"] in WINS
            claim.ended = not claim.won
            self.at_risk -= args["returned"]
            self._drop(claim)
        elif event.name == "Rewarded":
            claim.won = False
            self._drop(claim)

    def _drop(self, claim: Claimed) -> None:
        if not (claim.stands or claim.playing or claim.won):
            self.claims.pop(claim.id, None)

    def _report(self, event: Event) -> None:
        args = event.args
        if event.name == "GameClosed":
            ending = ENDS.get(args["reason"], "ended")
            won = args["reason"] in WINS
            self._tell("won" if won else "ended", job=args["job_id"], how=ending)
        elif event.name == "Opened":
            self._tell("playing", job=args["job_id"], bond=Wei(args["bond"]))
        elif event.name == "Rewarded":
            self._tell("rewarded", claim=args["claim_id"], reward=Wei(args["amount"]))
