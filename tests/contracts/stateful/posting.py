# SPDX-License-Identifier: Apache-2.0
"""Posts of all kinds: best effort or accepted, from value, balance or wallet, sound or flawed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from eth_utils.crypto import keccak

from tests.contracts.actors import wallet
from tests.contracts.parts import NONE
from tests.contracts.stateful.books import Job, Subnet
from tests.contracts.stateful.chain import Call, Outcome
from tests.contracts.stateful.play import OPERATORS, Play
from tests.contracts.terms import NATIVE, ZERO, Terms

GWEI = 10**9
MAX_OUTPUT = 16_384
MAX_SPARE = 30 * 86_400
MAX_CALLBACK_GAS = 5_000_000
ADDRESS_TO_NAME: dict[str, str] = {wallet(name).address: name for name in OPERATORS}


class Wish(NamedTuple):
    """What a requester wants; picks are taken modulo what there is."""

    requester: int
    subnet: int
    n: int
    sized: bool
    primary: int
    surplus: int
    turn_length: int
    window: int
    slack: int
    eager: bool
    target: str
    value_percent: int
    flaw: str


FALSE = ("forged", "stale", "of another job")


class Promise(NamedTuple):
    """How the primary's acceptance comes about."""

    pledge: int
    flaw: str


FLAWS: dict[str, Callable[[Play, Terms], Terms]] = {
    "late": lambda play, t: t.with_(deliver_by=play.now),
    "no turns": lambda _, t: t.with_(turn_length=0),
    "resolve too early": lambda _, t: t.with_(resolve_by=t.deliver_by - 1),
    "resolve too late": lambda _, t: t.with_(resolve_by=t.resolve_by + MAX_SPARE + 1),
    "price without bound": lambda _, t: t.with_(max_price=2**128),
    "fee cap": lambda play, t: t.with_(fee_cap=max(play.books.methods[t.selector].fee_bps - 1, 0)),
    "royalty cap": lambda play, t: t.with_(royalty_cap=play.stage.royalty_bps - 1),
    "no such member": lambda _, t: t.with_(primary=8),
    "empty batch": lambda _, t: t.with_(n=0),
    "batch of any size": lambda _, t: t.with_(n=2, item_size=0),
    "output too big": lambda _, t: t.with_(n=3, item_size=MAX_OUTPUT // 3 + 1),
    "callback gas": lambda _, t: t.with_(callback_gas=MAX_CALLBACK_GAS + 1),
    "another book": lambda _, t: t.with_(model_id=keccak(b"another")),
    "unknown method": lambda _, t: t.with_(selector=b"????"),
}


def terms_of(play: Play, wish: Wish, subnet: Subnet) -> Terms:
    """Sound terms for a wish, then its flaw."""
    stage = play.stage
    requesters, method = stage.requesters, play.books.methods[subnet.spec.selector]
    n = min(wish.n, method.max_n)
    targets = {"": NATIVE, "agent": stage.agent.address, "wallet": wallet("challenger").address}
    deliver_by = play.now + wish.window
    item_size = 4 if subnet.spec.selector == NONE else 32
    play.salt += 1
    terms = Terms(
        requester=requesters[wish.requester % len(requesters)],
        model_id=stage.model_id,
        selector=subnet.spec.selector,
        subnet_id=subnet.id,
        max_price=max(n * max(subnet.prices) + wish.surplus, 1),
        deliver_by=deliver_by,
        resolve_by=deliver_by + method.max_delay + wish.slack,
        token=subnet.spec.token,
        callback_target=targets[wish.target],
        salt=play.salt.to_bytes(32, "big"),
        artifact_id=stage.artifact_id if subnet.spec.selector != NONE else ZERO,
        n=n,
        item_size=item_size if n > 1 or wish.sized else 0,
        primary=wish.primary % len(subnet.members),
        eager=int(wish.eager),
        callback_gas=200_000 if wish.target else 0,
        turn_length=wish.turn_length if wish.turn_length or method.hedge else 60,
    )
    return FLAWS[wish.flaw](play, terms) if wish.flaw in FLAWS else terms


def why_not_terms(play: Play, terms: Terms) -> str | None:
    """Why these terms can't be posted now."""
    method = play.books.methods.get(terms.selector)
    subnet = subnet_of(play, terms)
    if method is None or method.paused or method.retired:
        return "no such method for now"
    faults = {
        "posted before": play.stage.domain.job_id(terms) in play.books.jobs,
        "batch": not 1 <= terms.n <= method.max_n,
        "item size": terms.n > 1 and not terms.item_size,
        "output size": terms.n * terms.item_size > MAX_OUTPUT,
        "turns": not terms.turn_length and not method.hedge,
        "deliver_by": terms.deliver_by <= play.now,
        "resolve_by": not 0 <= terms.resolve_by - terms.deliver_by - method.max_delay <= MAX_SPARE,
        "max price": terms.max_price >= 2**128,
        "callback gas": terms.callback_gas > MAX_CALLBACK_GAS,
        "fee cap": terms.fee_cap < method.fee_bps,
        "royalty cap": terms.royalty_cap < play.stage.royalty_bps,
        "subnet": subnet is None or play.now >= subnet.expires,
        "primary": subnet is not None and terms.primary >= len(subnet.members),
    }
    return next((fault for fault, found in faults.items() if found), None)


def subnet_of(play: Play, terms: Terms) -> Subnet | None:
    """The subnet that the terms name, if it is of their book."""
    book = (terms.model_id, terms.selector, terms.token)
    same = (s for s in play.subnets if s.id == terms.subnet_id and s.spec[:3] == book)
    return next(same, None)


def why_not_funds(play: Play, terms: Terms, value: int) -> str | None:
    """Why the sender can't pay."""
    pots = play.books.purse.pots
    due = native_due(play, terms)
    if value > due:
        return "value above what is due"
    if pots[("balance", NATIVE, terms.requester)] < due - value:
        return "balance too low"
    short = terms.max_price - pots[("balance", terms.token, terms.requester)]
    if terms.token != NATIVE and short > 0 and play.token_refuses:
        return "the token refuses"
    return None


def native_due(play: Play, terms: Terms) -> int:
    return play.stage.config.keeper_tip + (terms.max_price if terms.token == NATIVE else 0)


def value_for(play: Play, terms: Terms, percent: int) -> int:
    """The share of what is due that is sent along; the balance must have the rest."""
    due = native_due(play, terms)
    rest = due - due * percent // 100
    owned = play.books.purse.pots[("balance", NATIVE, terms.requester)]
    value = due * percent // 100 if owned >= rest or percent > 100 else due
    return min(value, play.books.purse.pots[("wallet", NATIVE, terms.requester)])


def new_job(play: Play, terms: Terms, pledge: int = 0) -> Job:
    subnet = subnet_of(play, terms)
    assert subnet is not None
    fee = play.books.methods[terms.selector].fee_bps
    job_id = play.stage.domain.job_id(terms)
    return Job(job_id, terms, subnet, fee, play.now, pledge, terms.primary)


def post(play: Play, terms: Terms, percent: int, data: bytes = b"") -> None:
    """Best effort."""
    value = value_for(play, terms, percent)
    play.do(
        "post",
        Call(terms.requester, play.stage.market, "post", (terms.abi, data), value),
        why_not_terms(play, terms) or why_not_funds(play, terms, value),
        lambda outcome: _posted(play, terms, value, 0, outcome),
        shaky=_agent_pays_token(play, terms),
    )


def post_accepted(play: Play, terms: Terms, percent: int, promise: Promise) -> None:
    """With the primary's signature, or what passes for it."""
    value = value_for(play, terms, percent)
    acceptance = sign(play, terms, promise)
    why_not = (
        why_not_terms(play, terms)
        or why_not_funds(play, terms, value)
        or why_not_promise(play, terms, promise)
    )
    call = Call(
        terms.requester, play.stage.market, "post_accepted", (terms.abi, b"", acceptance), value
    )
    play.do(
        "post accepted" if not promise.flaw else f"post accepted ({promise.flaw})",
        call,
        why_not,
        lambda outcome: _posted(play, terms, value, promise.pledge, outcome),
        shaky=_agent_pays_token(play, terms),
    )


def sign(play: Play, terms: Terms, promise: Promise) -> tuple[int, int, int, int, int]:
    """An acceptance by the primary's key, unless it has none or the flaw says otherwise."""
    subnet = subnet_of(play, terms)
    primary = subnet.members[terms.primary % len(subnet.members)] if subnet else ""
    signer = "challenger" if promise.flaw == "forged" else ADDRESS_TO_NAME.get(primary, "keeper")
    signed = terms.with_(salt=keccak(b"other")) if promise.flaw == "of another job" else terms
    until = play.now - 1 if promise.flaw == "stale" else play.now
    job_id = play.stage.domain.job_id(signed)
    return play.stage.domain.acceptance(job_id, wallet(signer), until, promise.pledge)


def why_not_promise(play: Play, terms: Terms, promise: Promise) -> str | None:
    """Why the acceptance doesn't hold: called with sound terms."""
    job = new_job(play, terms)
    if job.owing not in ADDRESS_TO_NAME:
        return "the agent has no key"
    if play.now + terms.turn_length > terms.deliver_by:
        return "the primary's turn does not fit"
    if promise.pledge % GWEI or not 0 < promise.pledge < 2**40 * GWEI:
        return "pledge"
    if promise.pledge > play.books.free_stake(job.owing):
        return "stake not free"
    if promise.flaw:
        play.edge(f"refused: acceptance {promise.flaw}")
    return promise.flaw or None


def _posted(play: Play, terms: Terms, value: int, pledge: int, outcome: Outcome) -> None:
    job = new_job(play, terms, pledge)
    assert outcome.output == job.id
    play.books.post(job, value)


def _agent_pays_token(play: Play, terms: Terms) -> bool:
    owned = play.books.purse.pots[("balance", terms.token, terms.requester)]
    return (
        terms.token != NATIVE
        and terms.requester == play.stage.agent.address
        and owned < terms.max_price
    )
