# SPDX-License-Identifier: Apache-2.0
"""Who won a dispute: stakes, bonds, rewards and the answer, all as the chain has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.events import Event
from offchain_workers.chain.scan import scan
from offchain_workers.challenger.story import Story
from offchain_workers.codecs.base import Answer
from offchain_workers.localnet.opml import OpmlMarket
from offchain_workers.requester.posting import Prepared
from offchain_workers.requester.results import history
from offchain_workers.units import Wei
from verifiers.opml.adversaries.attacks import ATTACKS
from verifiers.opml.adversaries.publishers import PUBLISHERS
from verifiers.opml.board import claim_id, question_key
from verifiers.opml.player import JOIN_SECONDS

SELF_TEST_FAILED = "MN-WORKER-128"
_EVENTS = {"Claimed", "Finalised", "Refuted", "Opened", "GameClosed", "Rewarded"}
_WON, _LOST = (1, 2), 4
_PER_JOB = _EVENTS - {"Rewarded"}


@dataclass(frozen=True)
class Verdict:
    """``slashed``, ``rewarded``, ``lost`` (bonds): wei by address; ``checks``: what an honest side
    that won can say, and whether it is so. ``gas`` of the job's own transactions."""

    status: str
    operator: str | None
    price: int | None
    answer: Answer
    gas: dict[str, int | None]
    slashed: dict[str, Wei]
    rewarded: dict[str, Wei]
    lost: dict[str, Wei]
    checks: dict[str, bool]
    stories: Sequence[Story] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the honest side won."""
        return all(self.checks.values())


def refused(adversary: str, notes: Sequence[str]) -> Verdict:
    """No worker promises to answer, so that nothing is posted."""
    is_hostile = adversary in PUBLISHERS
    checks = {"a worker promises to answer": False}
    if is_hostile:
        told = bool(notes) and all(SELF_TEST_FAILED in note for note in notes)
        checks = {"every worker refuses the model after its self-test": told}
    return Verdict("not posted", None, None, {}, {}, {}, {}, {}, checks, ())


class Books:
    """What events say about one job's claims and games; ``read`` makes them new. ``post_gas``: what
    its post used."""

    post_gas = 0

    def __init__(self, market: OpmlMarket) -> None:
        self._market = market
        self._verifier = OpmlVerifier.of(market.net.network)
        self._stakes = self._all_stakes()
        self._events: list[Event] = []

    def read(self, job_id: bytes) -> None:
        assert self._verifier is not None  # a market with opml
        net = self._market.net
        found = scan(
            net.pool,
            {self._verifier.address: self._verifier.abi},
            net.network.start_block,
            names=_EVENTS,
        )
        mine = [e for e in found if e.name in _PER_JOB and e.args["job_id"] == job_id]
        claims = {claim_id(job_id, e.args["claim"]) for e in mine if e.name == "Claimed"}
        rewards = [e for e in found if e.name == "Rewarded" and e.args["claim_id"] in claims]
        self._events = [*mine, *rewards]

    @property
    def length(self) -> int:
        """How many events there are."""
        return len(self._events)

    # --- games --------------------------------------------------------------------------------

    @property
    def challengers(self) -> list[str]:
        """Who opened a game, the earliest first."""
        return list(dict.fromkeys(event.args["challenger"] for event in self._named("Opened")))

    @property
    def opened(self) -> int:
        return len(self._named("Opened"))

    @property
    def settled(self) -> bool:
        """Every game has ended, and every winner has been rewarded."""
        ends = {e.args["challenger"]: e.args["reason"] for e in self._named("GameClosed")}
        winners = {who for who, reason in ends.items() if reason in _WON}
        rewarded = {event.args["challenger"] for event in self._named("Rewarded")}
        return ends.keys() == set(self.challengers) and winners <= rewarded

    @property
    def next_end(self) -> int | None:
        """When a game against a claim that fell can go on: its silent claimant's time is over, or
        winners may be paid."""
        if not (refuted := self._named("Refuted")):
            return None
        w3, event = self._market.net.pool.w3, refuted[-1]
        joined = int(w3.eth.get_block(event.block_number)["timestamp"]) + JOIN_SECONDS + 1
        silent = self._silent_until(event.args["job_id"], event.args["claim"])
        return joined if silent is None else min(silent + 1, joined)

    def _silent_until(self, job_id: bytes, claim: int) -> int | None:
        """Of the watcher's game, when the claimant is on turn."""
        assert self._verifier is not None
        game = self._verifier.game(job_id, claim, self._market.watcher.address)
        if game is None:
            return None
        named = claim_id(job_id, claim)
        answered = self._verifier.answered_at(named, question_key(named, game.at))
        return None if answered else game.since + game.claimant_left

    # --- the end ------------------------------------------------------------------------------

    def verdict(self, adversary: str, prepared: Prepared, stories: Sequence[Story]) -> Verdict:
        """When all is over."""
        net = self._market.net
        past = history(net.pool, net.network, prepared.job_id)
        [answer] = past.answers(self._market.card) or [{}]
        stakes = self._all_stakes()
        slashed = {who: Wei(was - stakes[who]) for who, was in self._stakes.items()}
        found = Verdict(
            status=past.job.status.name.lower(),
            operator=past.job.operator,
            price=past.price,
            answer=answer,
            gas=self._gas(),
            slashed={who: amount for who, amount in slashed.items() if amount},
            rewarded=self._amounts("Rewarded", "amount"),
            lost=self._lost(),
            checks={},
            stories=stories,
        )
        found.checks.update(self._checks(found, adversary, past.job.status is JobStatus.PAID))
        return found

    def _checks(self, found: Verdict, adversary: str, is_paid: bool) -> dict[str, bool]:
        liar, watcher = self._market.liar, self._market.watcher.address
        attack, (_, _, label) = ATTACKS.get(adversary), self._market.model.samples[0]
        others = [who for who in self.challengers if who != watcher]
        checks = {
            "the requester has the right answer": found.answer.get("label") == label,
            "an honest worker was paid": is_paid and found.operator != liar,
            "nobody honest was slashed": found.slashed.keys() <= {liar},
            "the watcher lost no bond": watcher not in found.lost,
        }
        if liar:
            checks["the liar was slashed"] = liar in found.slashed
        if attack is None or attack.copies:
            checks["the watcher was rewarded"] = watcher in found.rewarded
        if attack is not None and attack.liar and not attack.copies:
            gained = sum(found.rewarded.get(who, Wei(0)) for who in others)
            checks["who was in league lost money"] = found.slashed.get(liar, Wei(0)) > gained
        if not liar:
            checks["the dishonest lost their bonds"] = bool(others) and set(others) <= {*found.lost}
        return checks

    def _all_stakes(self) -> dict[str, int]:
        subnets = self._market.net.network.subnets
        found = {w.address: subnets.operator(w.address) for w in self._market.net.workers}
        return {address: one.stake if one else 0 for address, one in found.items()}

    def _lost(self) -> dict[str, Wei]:
        bonds = self._amounts("Opened", "bond")
        late = [e for e in self._named("GameClosed") if e.args["reason"] == _LOST]
        return {e.args["challenger"]: bonds[e.args["challenger"]] for e in late}

    def _amounts(self, event: str, amount: str) -> dict[str, Wei]:
        return {e.args["challenger"]: Wei(e.args[amount]) for e in self._named(event)}

    def _gas(self) -> dict[str, int | None]:
        claims, ends = self._named("Claimed"), self._named("Finalised")
        return {
            "post": self.post_gas,
            "claim": self._used(claims[-1]) if claims else None,
            "finalise": self._used(ends[-1]) if ends else None,
        }

    def _used(self, event: Event) -> int:
        tx: Any = event.tx_hash
        return int(self._market.net.pool.w3.eth.get_transaction_receipt(tx)["gasUsed"])

    def _named(self, name: str) -> list[Event]:
        return [event for event in self._events if event.name == name]
