# SPDX-License-Identifier: Apache-2.0
"""The money of method `opml`: every coin that the plug-in has is somebody's."""

from __future__ import annotations

import boa

from tests.opml.game.arena import Arena, Game

WON = 4


def check(arena: Arena) -> None:
    """Bonds, credit, uncollected rewards and what burns are there, and nothing else but dust."""
    verifier = arena.verifier
    had = boa.env.get_balance(verifier.address) + arena.world.subnets.credit(verifier.address)
    dust = had - owed(arena)
    assert 0 <= dust < max(len(arena.games), 1), "coins of the plug-in"


def owed(arena: Arena) -> int:
    verifier = arena.verifier
    # A challenger may have opened several games against one claim, one after the other.
    games = {(game.claim.id, game.challenger.address): game for game in arena.games}
    holders = {member.address for member in arena.subnet.members}
    holders |= {game.challenger.address for game in arena.games}
    credit = sum(verifier.credit(holder) for holder in holders)
    return int(verifier.to_burn() + credit + sum(_in_game(game) for game in games.values()))


def _in_game(game: Game) -> int:
    """The bond, and a winner's share."""
    state = game.state
    if state.stage != WON:
        return state.bond
    reward, winners, _ = game.verifier.fallen(game.claim.id)
    return state.bond + reward // winners
