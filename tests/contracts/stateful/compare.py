# SPDX-License-Identifier: Apache-2.0
"""The chain against the books, to the wei, after every step."""

from __future__ import annotations

import boa
from eth_abi import decode

from tests.contracts.stateful.books import MARKET_POTS, REGISTRY_POTS, Job
from tests.contracts.stateful.chain import Call
from tests.contracts.stateful.money import BURN_ADDRESS
from tests.contracts.stateful.play import Play
from tests.contracts.stateful.words import operator_of
from tests.contracts.terms import NATIVE


def compare(play: Play, seen: dict[bytes, tuple[object, ...]]) -> None:
    """`seen`: the jobs as they were found last."""
    compare_coins(play)
    compare_balances(play)
    compare_operators(play)
    for job in play.books.jobs.values():
        compare_job(play, job, seen)


def compare_coins(play: Play) -> None:
    """What each contract holds, and everyone's wallet."""
    stage, purse = play.stage, play.books.purse
    assert stage.market.coins == purse.held(MARKET_POTS, NATIVE)
    assert stage.registry.coins == purse.held(REGISTRY_POTS, NATIVE)
    token = stage.token
    assert token.read("balanceOf", stage.market.address) == purse.held(MARKET_POTS, token.address)
    assert token.read("balanceOf", stage.registry.address) == 0
    for account in [*stage.accounts, BURN_ADDRESS]:
        assert boa.env.get_balance(account) == purse.pots[("wallet", NATIVE, account)]
        owned = token.read("balanceOf", account)
        assert owned == purse.pots[("wallet", token.address, account)]


def compare_balances(play: Play) -> None:
    stage, pots = play.stage, play.books.purse.pots
    for token in stage.tokens:
        assert stage.market.read("fees", token) == pots[("fee", token, "")]
        for account in stage.accounts:
            owned = stage.market.read("_balances", token, account)
            assert owned == pots[("balance", token, account)], f"balance of {account}"
    for account in stage.accounts:
        assert stage.registry.read("credit", account) == pots[("credit", NATIVE, account)]
    assert stage.registry.read("to_burn") == pots[("burn", NATIVE, "")]


def compare_operators(play: Play) -> None:
    books, registry = play.books, play.stage.registry
    for account, operator in books.operators.items():
        pots, found = books.purse, operator_of(registry, account)
        assert found.stake == pots.native("stake", account)
        assert found.reserved == books.reserved(account), f"chain {found.reserved}, {account}"
        assert found.offers == operator.offers
        assert found.unbonding == pots.native("unbonding", account)
        assert found.unbonded_at == operator.ready_at


def compare_job(play: Play, job: Job, seen: dict[bytes, tuple[object, ...]]) -> None:
    """Asks the market only for what changed here or there."""
    market = play.stage.market
    now = (market.read("_jobs", job.id), job.view())
    if seen.get(job.id) == now:
        return
    found = play.stage.chain.send(Call(NATIVE, market, "job", (job.id,)))
    view = decode(["uint256", "address", *["uint256"] * 4], found.output)
    assert view == job.view(), f"job {job.id.hex()}: chain {view}, books {job.view()}"
    seen[job.id] = now
    if not job.live:
        assert job.bond == 0
        assert play.books.purse.pots[("escrow", job.terms.token, job.id)] == 0
