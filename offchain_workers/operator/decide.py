# SPDX-License-Identifier: Apache-2.0
"""Take a job or leave it: pure functions of the job and of facts gathered beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.base import NATIVE
from offchain_workers.chain.contracts.terms import ZERO_32
from offchain_workers.models import ModelCard
from offchain_workers.operator.reasons import Reason, Skip, Take
from offchain_workers.operator.tables import JobRow, Status
from verifiers.base import Method

# A backup begins so many seconds before its turn, so that its answer is ready by then.
PREPARE_SECONDS = 10
MAX_OUTPUT = 16_384
_BPS = 10_000


@dataclass(frozen=True)
class Rules:
    """What the operator wants. Wei, seconds, gas."""

    min_profit: int = 0
    min_turn: int = 0
    deliver_margin: int = 0
    callback_gas_cap: int = 500_000


@dataclass(frozen=True)
class Served:
    """A loaded model: its card and the publisher's share of each payout.

    ``artifacts`` by selector, as published; ``barred``: selectors under which this worker does not
    answer, and why.
    """

    card: ModelCard
    royalty_bps: int
    artifacts: Mapping[bytes, bytes] = field(default_factory=dict)
    barred: Mapping[bytes, Skip] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The world at one moment. ``now`` is the contracts' time, ``gas_price`` in wei.

    ``fee_bps``: the protocol's share by selector; ``slots``: jobs that may still be begun.
    """

    now: int
    gas_price: int
    keeper_tip: int
    models: Mapping[bytes, Served]
    methods: Mapping[bytes, Method]
    fee_bps: Mapping[bytes, int]
    slots: int
    breaker_open: bool
    rules: Rules


def decide(job: JobRow, facts: Facts) -> Take | Skip:
    """Whether to work on a posted job now. What we owe is not weighed, only what can't be done."""
    if job.status != Status.OPEN:
        return Skip(Reason.JOB_CLOSED)
    terms, turn_at = job.terms, job.turn_at
    if turn_at is None:
        return Skip(Reason.NOT_MY_TURN, "whose turn it is has to be read from the chain first")
    skip = can_serve(terms, facts) or _too_late(job, terms, turn_at, facts)
    if skip is None and not job.owed:
        skip = worth_it(terms, job.unit_price, facts) or _not_yet(turn_at, facts)
        if skip is None and facts.breaker_open:
            skip = Skip(Reason.BREAKER_OPEN)
    if skip is None and facts.slots <= 0:
        skip = Skip(Reason.CAPACITY_FULL)
    return skip or Take(turn_at)


def can_serve(terms: JobTerms, facts: Facts) -> Skip | None:
    """Whether the job could be answered here at all."""
    method = facts.methods.get(terms.selector)
    if method is None:
        return Skip(Reason.METHOD_NOT_SERVED, f"selector 0x{terms.selector.hex()}")
    served = facts.models.get(terms.model_id)
    if served is None:
        return Skip(Reason.MODEL_NOT_LOADED, f"0x{terms.model_id.hex()}")
    barred = served.barred.get(terms.selector)
    if barred is not None:
        return barred
    why = _misfit(terms, served) or method.check_terms(terms, served.card)
    return Skip(Reason.TERMS_UNSERVABLE, why) if why else None


def worth_it(terms: JobTerms, unit_price: int, facts: Facts) -> Skip | None:
    """Whether the operator's own rules admit the job."""
    rules = facts.rules
    if terms.turn_length < rules.min_turn:
        return Skip(Reason.TURN_TOO_SHORT, f"{terms.turn_length} s, at least {rules.min_turn} s")
    if terms.callback_gas > rules.callback_gas_cap:
        limit = f"{terms.callback_gas}, at most {rules.callback_gas_cap}"
        return Skip(Reason.CALLBACK_GAS, limit)
    if terms.token != NATIVE and terms.max_price < terms.n * unit_price:
        line = f"{terms.max_price} of {terms.token}, we ask {terms.n * unit_price}"
        return Skip(Reason.PRICE_TOO_LOW, line)
    profit = expected_profit(terms, unit_price, facts)
    if profit < rules.min_profit:
        line = f"{profit} wei after gas, at least {rules.min_profit} wei"
        return Skip(Reason.PRICE_TOO_LOW, line)
    return None


def expected_profit(terms: JobTerms, unit_price: int, facts: Facts) -> int:
    """Wei after gas. What is paid in a token can't be weighed: it must be the price we named."""
    card = facts.models[terms.model_id].card
    method = facts.methods[terms.selector]
    gas = method.delivery_gas(terms, terms.n * card.item_bytes_out) + terms.callback_gas
    if terms.token != NATIVE:
        return facts.rules.min_profit
    price = min(terms.n * unit_price, terms.max_price)
    kept = _BPS - facts.fee_bps[terms.selector] - facts.models[terms.model_id].royalty_bps
    return price * kept // _BPS + facts.keeper_tip - gas * facts.gas_price


def in_order(jobs: Iterable[JobRow]) -> list[JobRow]:
    """What we owe first, oldest deadline first; then the others by deadline."""
    return sorted(jobs, key=lambda job: (not job.owed, job.deliver_by))


def too_late(terms: JobTerms, facts: Facts) -> Skip | None:
    """Whether the operator's margin before the deadline is gone."""
    left = terms.deliver_by - facts.now
    if left < facts.rules.deliver_margin:
        line = f"{left} s, at least {facts.rules.deliver_margin} s"
        return Skip(Reason.DEADLINE_NEAR, line)
    return None


def _too_late(job: JobRow, terms: JobTerms, turn_at: int, facts: Facts) -> Skip | None:
    if turn_at > job.deliver_by:
        return Skip(Reason.DEADLINE_NEAR, "our turn comes after the deadline")
    if job.owed:
        gone = facts.now > job.deliver_by
        return Skip(Reason.DEADLINE_NEAR, "the deadline has passed") if gone else None
    return too_late(terms, facts)


def _not_yet(turn_at: int, facts: Facts) -> Skip | None:
    begin = turn_at - PREPARE_SECONDS
    if facts.now < begin:
        return Skip(Reason.NOT_MY_TURN, f"it comes at {turn_at}", until=begin)
    return None


def _misfit(terms: JobTerms, served: Served) -> str | None:
    card, size = served.card, served.card.item_bytes_out
    artifact = served.artifacts.get(terms.selector, ZERO_32)
    if terms.artifact_id != artifact:
        return f"artifact 0x{terms.artifact_id.hex()}, the model's is 0x{artifact.hex()}"
    if terms.n < 1 or terms.n > card.limits.max_items:
        return f"{terms.n} items, the model takes 1 to {card.limits.max_items}"
    if terms.item_size != size and not (terms.n == 1 and terms.item_size == 0):
        return f"outputs of {terms.item_size} bytes, the model gives {size}"
    if terms.n * size > MAX_OUTPUT:
        return f"{terms.n * size} bytes of output, at most {MAX_OUTPUT}"
    return None
