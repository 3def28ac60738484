# SPDX-License-Identifier: Apache-2.0
"""What must hold in random games: after every step, and when all has been brought to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import boa
from eth_account.signers.local import LocalAccount

from tests.contracts.parts import PAID
from tests.opml.game import sums
from tests.opml.game.arena import CLOCK, Arena, Game
from tests.opml.game.duel import can_send

if TYPE_CHECKING:
    from tests.opml.game.machine import GameMachine

CALLS: dict[str, Callable[[Game], None]] = {
    "claimant_timeout": Game.claimant_timeout,
    "challenger_timeout": Game.challenger_timeout,
    "close": Game.close,
    "collect": Game.collect,
}
coins = sums.check


def holders(arena: Arena) -> list[LocalAccount]:
    """Who may have credit."""
    return list(dict.fromkeys([*arena.subnet.members, *(g.challenger for g in arena.games)]))


def attempt(machine: GameMachine, game: Game, what: str) -> None:
    """A keeper's call, which the contract may refuse."""
    if can_send(lambda: CALLS[what](game)):
        machine.tally[what] += 1


def withdraw(arena: Arena, account: LocalAccount) -> None:
    with boa.env.prank(account.address):
        arena.verifier.withdraw(account.address)


def end(machine: GameMachine) -> None:
    """Whatever happened: everything ends, in time, and every coin can be got out."""
    world, claim = machine.arena.world, machine.claim
    was_standing = machine.standing
    if was_standing:
        in_time(machine)
    status = world.job(claim.terms).status
    assert (status == PAID) == machine.is_true
    assert (machine.arena.verifier.fallen(claim.id)[2] == 0) == machine.is_true
    world.warp(world.now + 3_601)
    for game in machine.games:
        for what in ("collect", "close"):
            attempt(machine, game, what)
        assert not game.state.bond, "a game that nobody can end"
    drained(machine)


def in_time(machine: GameMachine) -> None:
    """A claim is settled a window and both clocks after it was made, if timeouts are claimed."""
    world, claim = machine.arena.world, machine.claim
    final_at = machine.arena.verifier.claim_of(claim.job_id)[1]
    latest = final_at + 2 * CLOCK + 1
    while machine.standing:
        world.warp(min(max(world.now + 400, world.now), max(latest, world.now + 1)))
        machine.let_the_honest_act()
        for game in machine.open_games:
            attempt(machine, game, "challenger_timeout")
        if machine.standing and machine.is_true and not machine.open_games:
            world.warp(max(world.now, final_at + 1))
            claim.finalise()
            machine.tally["finalised"] += 1
        assert not (machine.standing and machine.is_prompt and world.now > latest), "too late"


def drained(machine: GameMachine) -> None:
    """Nothing is left but the dust of rewards that did not divide."""
    arena = machine.arena
    arena.verifier.burn()
    for account in holders(arena):
        if arena.verifier.credit(account.address):
            withdraw(arena, account)
            machine.tally["withdrawn"] += 1
    rest = boa.env.get_balance(arena.verifier.address)
    rest += arena.world.subnets.credit(arena.verifier.address)
    assert rest < max(len(machine.games), 1)
