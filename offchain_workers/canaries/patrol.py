# SPDX-License-Identifier: Apache-2.0
"""Sends canaries at moments that nobody can foresee, the way users' requests are sent."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import structlog

from offchain_workers.balancing import Balancer, Outcome, outcome_of_error
from offchain_workers.canaries.agreement import agree, same_answer
from offchain_workers.canaries.claims import Claim, Finding, Times, Yardstick
from offchain_workers.canaries.inputs import Inputs
from offchain_workers.canaries.tally import Tally, Verdict
from offchain_workers.models.card import ModelCard

log = structlog.get_logger(__name__)

# Asks one provider by the code that sends users' requests: items in, their answers' bytes out.
Ask = Callable[[str, Sequence[bytes]], bytes]
# What the observer's own engine answers to the same items.
Reference = Callable[[Sequence[bytes]], bytes]


@dataclass(frozen=True)
class _Told:
    """An answer and how long it took, or why there is none."""

    answer: bytes | None
    seconds: float
    failure: Verdict = Verdict.UNHEARD


class Patrol:
    """Canaries of one model among a balancer's targets.

    With a ``reference``, one target at a time is asked; without, all are, and what more than half
    of them say is right. ``errors`` of ``ask`` mean what ``failure`` says of them. Verdicts go to
    the balancer (a wrong answer or a refusal: no traffic until a canary passes) and to ``tally``.
    """

    def __init__(
        self,
        balancer: Balancer,
        card: ModelCard,
        inputs: Inputs,
        ask: Ask,
        reference: Reference | None = None,
        errors: tuple[type[Exception], ...] = (httpx.HTTPError,),
        failure: Callable[[BaseException], Outcome] = outcome_of_error,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.tally: Tally[str] = Tally()
        self._balancer = balancer
        self._card = card
        self._inputs = inputs
        self._ask = ask
        self._reference = reference
        self._errors = errors
        self._failure = failure
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._claims: dict[str, tuple[Claim, Yardstick]] = {}
        self._times: dict[str, Times] = {}

    def expect(self, target: str, claim: Claim, yardstick: Yardstick) -> None:
        """Hold a target's manifest against its canaries' times from now on."""
        self._claims[target] = (claim, yardstick)

    def run(self, every: float, stop: threading.Event) -> None:
        """Rounds with ``every`` seconds between them on average, as users come: at random."""
        while not stop.wait(self._rng.expovariate(1 / every)):
            self.round()

    def round(self) -> dict[str, Verdict]:
        """One canary for one target, or for all without a reference; the verdicts."""
        targets = [view.target for view in self._balancer.view()]
        if not targets:
            return {}
        items = self._inputs.draw()
        if self._reference is not None:
            targets = [self._rng.choice(targets)]
        with ThreadPoolExecutor(len(targets)) as pool:
            told = dict(
                zip(targets, pool.map(lambda one: self._try(one, items), targets), strict=True)
            )
        right = self._reference(items) if self._reference else self._agreed(told)
        verdicts = {who: self._verdict(one, right) for who, one in told.items()}
        for who, verdict in verdicts.items():
            self._tell(who, verdict, told[who].seconds, len(items))
        return verdicts

    def _try(self, target: str, items: Sequence[bytes]) -> _Told:
        """A canary's input is good: whatever fails, it is not the input."""
        lease, started = self._balancer.probe(target), self._clock()
        try:
            answer = self._ask(target, items)
        except self._errors as error:
            outcome = self._failure(error)
            lease.finish(outcome, confirmed=True)
            refused = Verdict.REFUSED if outcome is Outcome.BAD_INPUT else Verdict.UNHEARD
            return _Told(None, self._clock() - started, refused)
        finally:
            lease.finish(Outcome.CANCELLED)  # what the answer is worth is known later
        return _Told(answer, self._clock() - started)

    def _agreed(self, told: Mapping[str, _Told]) -> bytes | None:
        """What most of those asked say; those that say nothing agree with nobody."""
        answers = {who: one.answer for who, one in told.items() if one.answer is not None}
        return agree(self._card, answers, len(told) // 2 + 1).answer

    def _verdict(self, told: _Told, right: bytes | None) -> Verdict:
        if told.answer is None:
            return told.failure
        if right is None:
            return Verdict.UNDECIDED
        return Verdict.RIGHT if same_answer(self._card, right, told.answer) else Verdict.WRONG

    def _tell(self, target: str, verdict: Verdict, seconds: float, items: int) -> None:
        is_answer = verdict in (Verdict.RIGHT, Verdict.WRONG)
        self.tally.add(target, verdict, seconds if is_answer else None)
        if verdict in (Verdict.WRONG, Verdict.REFUSED):
            log.warning("canary failed", target=target, verdict=verdict.value)
            self._balancer.canary(target, passed=False)
        elif verdict is Verdict.RIGHT:
            self._times.setdefault(target, Times()).add(items, seconds)
            is_as_claimed = self._check(target) is not Finding.REFUTED
            self._balancer.canary(target, is_as_claimed, seconds)

    def _check(self, target: str) -> Finding:
        if target not in self._claims:
            return Finding.UNPROVEN
        claim, yardstick = self._claims[target]
        finding = yardstick.judge(claim, self._times[target])
        self.tally.claimed(target, finding)
        if finding is Finding.REFUTED:
            log.warning("manifest refuted", target=target, claim=claim.provider)
        return finding
