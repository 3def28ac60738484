# SPDX-License-Identifier: Apache-2.0
"""Operators' moves and subnets: stake, offers, requests, formation."""

from __future__ import annotations

from eth_abi import decode

from tests.contracts.parts import SECONDS_A_BLOCK, Spec
from tests.contracts.stateful.books import Offer, Operator, Request, Subnet
from tests.contracts.stateful.chain import Call, Outcome
from tests.contracts.stateful.play import Play
from tests.contracts.terms import NATIVE

# ---- stake ----


def register(play: Play, account: str, stake: int) -> None:
    def effect(_: Outcome) -> None:
        play.books.operators[account] = Operator()
        _stake(play, account, account, stake)

    play.do(
        "register",
        Call(account, play.stage.registry, "register", (bytes(32), "http://here"), stake),
        "already registered" if account in play.books.operators else None,
        effect,
    )


def add_stake(play: Play, account: str, operator: str, stake: int) -> None:
    play.do(
        "add stake",
        Call(account, play.stage.registry, "add_stake", (operator,), stake),
        None if operator in play.books.operators else "not registered",
        lambda _: _stake(play, account, operator, stake),
    )


def _stake(play: Play, account: str, operator: str, amount: int) -> None:
    play.books.purse.move(("wallet", NATIVE, account), ("stake", NATIVE, operator), amount)


def unbond(play: Play, account: str, amount: int) -> None:
    standing = play.books.operators[account]
    free = 0 < amount <= play.books.free_stake(account)

    def effect(_: Outcome) -> None:
        stake, unbonding = ("stake", NATIVE, account), ("unbonding", NATIVE, account)
        play.books.purse.move(stake, unbonding, amount)
        standing.ready_at = play.now + play.stage.config.unbond_seconds

    play.do(
        "unbond",
        Call(account, play.stage.registry, "unbond", (amount,)),
        None if free and not standing.offers else "stake not free",
        effect,
    )


def withdraw_stake(play: Play, account: str, to: str) -> None:
    purse, standing = play.books.purse, play.books.operators[account]
    amount = purse.native("unbonding", account)

    def effect(_: Outcome) -> None:
        purse.move(("unbonding", NATIVE, account), ("wallet", NATIVE, to), amount)
        play.edge("stake: withdrawn")

    play.do(
        "withdraw stake",
        Call(account, play.stage.registry, "withdraw_stake", (to,)),
        None if amount and play.now >= standing.ready_at else "still unbonding",
        effect,
        shaky=to == play.stage.agent.address,
    )


# ---- opting in, offers ----


def opt(play: Play, account: str, selector: bytes, enter: bool) -> None:
    """Opt in or out of a method's plug-in."""
    opted = play.books.operators[account].opted
    plugin = play.books.methods[selector].plugin
    play.do(
        "opt in" if enter else "opt out",
        Call(account, play.stage.registry, "opt_in" if enter else "opt_out", (selector,)),
        None if enter or plugin in opted else "not opted in",
        lambda _: opted.add(plugin) if enter else opted.discard(plugin),
    )


def offer(play: Play, account: str, book: tuple[bytes, str], wanted: Offer) -> None:
    """A price in a book, from the next epoch."""
    selector, token = book
    standing = play.books.operators[account]
    stake = play.books.purse.native("stake", account)
    needed = (standing.offers + 1) * play.stage.config.min_stake
    old = standing.offer(book)
    # A change of tier gives the old seat back first.
    enough = old is not None or stake >= needed
    if old is not None and old.tier != wanted.tier:
        enough = stake >= needed - play.stage.config.min_stake
    opted = play.books.methods[selector].plugin in standing.opted
    args = (play.stage.model_id, selector, token, wanted.tier, wanted.region, wanted.price, 0)
    play.do(
        "offer",
        Call(account, play.stage.registry, "offer", args),
        None if opted and enough else "not opted in, or stake too low",
        lambda _: _seat(play, account, book, wanted),
    )


def end_offer(play: Play, account: str, book: tuple[bytes, str]) -> None:
    play.do(
        "end offer",
        Call(account, play.stage.registry, "end_offer", (play.stage.books[book],)),
        None if play.books.operators[account].offer(book) else "no offer",
        lambda _: _seat(play, account, book, None),
    )


def sync(play: Play, keeper: str, account: str, book: tuple[bytes, str]) -> None:
    """Anyone may hold a seat against its stake; one that is not covered ends."""
    standing = play.books.operators[account]
    needed = standing.offers * play.stage.config.min_stake
    short = play.books.purse.native("stake", account) < needed

    def effect(_: Outcome) -> None:
        _seat(play, account, book, None if short else standing.offer(book))
        play.edge("sync: seat lost" if short else "sync: seat kept")

    play.do(
        "sync",
        Call(keeper, play.stage.registry, "sync", (account, play.stage.books[book])),
        None if standing.offer(book) else "no offer",
        effect,
    )


def _seat(play: Play, account: str, book: tuple[bytes, str], wanted: Offer | None) -> None:
    versions = play.books.operators[account].seats.setdefault(book, [])
    versions.append((play.epoch + 1, wanted))


# ---- subnets ----


def request(play: Play, account: str, spec: Spec, value: int | None = None) -> None:
    """`value` is what is sent along, by default what is right."""
    cost = request_cost(play, spec)
    sent = (cost or 0) if value is None else value
    lead = play.stage.config.lead_blocks
    length = play.stage.config.epoch_blocks
    block = play.stage.chain.block

    def effect(_: Outcome) -> None:
        play.books.purse.move(("wallet", NATIVE, account), ("formation", NATIVE, spec), sent)
        first = (block + lead) // length * length
        play.books.requests[spec] = Request(max(block + 1, first))

    play.do(
        "request",
        Call(account, play.stage.registry, "request", (spec,), sent),
        None if cost is not None and sent == cost else "live, pending or the wrong tip",
        effect,
    )


def request_cost(play: Play, spec: Spec) -> int | None:
    """What a request costs now; None where it is refused."""
    tip, latest = play.stage.config.formation_tip, play.books.requests.get(spec)
    if latest is None:
        return tip
    if latest.formed is not None:
        last_quarter = latest.formed.expires - play.stage.config.subnet_ttl // 4
        return tip if play.now >= last_quarter else None
    stale = play.epoch > latest.seed_at // play.stage.config.epoch_blocks
    return 0 if stale else None


def why_not_form(play: Play, spec: Spec) -> str | None:
    latest = play.books.requests.get(spec)
    if latest is None or latest.formed is not None:
        return "not requested"
    epoch = latest.seed_at // play.stage.config.epoch_blocks
    if play.stage.chain.block <= latest.seed_at or play.epoch != epoch:
        return "not the time"
    return None if len(play.books.candidates(spec, epoch)) >= spec.k else "too few candidates"


def form(play: Play, keeper: str, spec: Spec) -> None:
    play.do(
        "form",
        Call(keeper, play.stage.registry, "form", (spec,)),
        why_not_form(play, spec),
        lambda outcome: _formed(play, keeper, spec, outcome),
    )


def _formed(play: Play, keeper: str, spec: Spec, outcome: Outcome) -> None:
    latest = play.books.requests[spec]
    tip = play.stage.config.formation_tip
    play.books.purse.move(("formation", NATIVE, spec), ("credit", NATIVE, keeper), tip)
    subnet_id = outcome.output
    members = [_member(play, subnet_id, i) for i in range(spec.k)]
    candidates = play.books.candidates(spec, play.epoch)
    assert len({name for name, _ in members}) == spec.k
    assert all(candidates[name] == price for name, price in members)
    expires = play.now + play.stage.config.subnet_ttl
    names, prices = [name for name, _ in members], [price for _, price in members]
    latest.formed = Subnet(subnet_id, spec, names, prices, expires)
    play.subnets.append(latest.formed)
    play.edge("subnet: formed")


def _member(play: Play, subnet_id: bytes, index: int) -> tuple[str, int]:
    registry = play.stage.registry
    found = play.stage.chain.send(Call(NATIVE, registry, "member", (subnet_id, index)))
    address, price = decode(["address", "uint256"], found.output)
    by_lower = {a.lower(): a for a in play.stage.operators}
    return by_lower[address], price


def renew(play: Play, account: str, spec: Spec) -> None:
    """Request and form in one go, waiting for the seed block in between."""
    latest = play.books.requests.get(spec)
    if latest is None or latest.formed is not None or why_not_form(play, spec) == "not the time":
        request(play, account, spec)
    latest = play.books.requests[spec]
    blocks = latest.seed_at + 1 - play.stage.chain.block
    if latest.formed is None and blocks > 0:
        play.stage.chain.roll(blocks, blocks * SECONDS_A_BLOCK)
    form(play, account, spec)
