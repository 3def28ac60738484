# SPDX-License-Identifier: Apache-2.0
"""The end of a run: everyone leaves with what is theirs, and both contracts are left empty."""

from __future__ import annotations

from collections.abc import Callable

from tests.contracts.actors import wallet
from tests.contracts.stateful import delivering, money, owner, staking
from tests.contracts.stateful.books import MARKET_POTS, REGISTRY_POTS
from tests.contracts.stateful.play import QUIET, Play
from tests.contracts.terms import NATIVE

KEEPER = wallet("keeper").address
BLOCK = 1


def drain(play: Play, check: Callable[[], None]) -> None:
    """Close, withdraw, unbond, collect and burn; no rule of the game may stop any of it."""
    play.set_mood(QUIET)
    for part in (_close_jobs, _leave, _take_coins):
        part(play)
        check()
    _assert_empty(play)


def _close_jobs(play: Play) -> None:
    """Plug-ins are silent from now on."""
    live = [job for job in play.books.jobs.values() if job.live]
    if live:
        last = max(job.terms.resolve_by for job in live) + delivering.WEEK + 1
        play.stage.chain.roll(BLOCK, max(last - play.now, 0))
    for job in live:
        delivering.refund(play, job, KEEPER)
        assert not job.live


def _leave(play: Play) -> None:
    for account, operator in play.books.operators.items():
        assert play.books.reserved(account) == 0
        for book in operator.seats:
            if operator.offer(book) is not None:
                staking.end_offer(play, account, book)
        stake = play.books.purse.native("stake", account)
        if stake:
            staking.unbond(play, account, stake)
    play.stage.chain.roll(BLOCK, play.stage.config.unbond_seconds)
    for account in play.books.operators:
        if play.books.purse.native("unbonding", account):
            staking.withdraw_stake(play, account, account)


def _take_coins(play: Play) -> None:
    pots = play.books.purse.pots
    for account in play.stage.accounts:
        for token in play.stage.tokens:
            owned = pots[("balance", token, account)]
            if owned:
                money.withdraw(play, account, token, owned, account)
        if pots[("credit", NATIVE, account)]:
            money.withdraw_credit(play, account, account)
    for token in play.stage.tokens:
        owner.collect_fees(play, owner.OWNER, token, owner.OWNER)
    money.burn(play, KEEPER)


def _assert_empty(play: Play) -> None:
    """All that may stay is the tips of subnets that were requested and never formed."""
    stage, books = play.stage, play.books
    unformed = sum(request.formed is None for request in books.requests.values())
    tips = unformed * stage.config.formation_tip
    assert stage.market.coins == 0
    assert stage.token.read("balanceOf", stage.market.address) == 0
    assert stage.registry.coins == tips
    assert books.purse.held(MARKET_POTS, NATIVE) == 0
    assert books.purse.held(REGISTRY_POTS, NATIVE) == tips
