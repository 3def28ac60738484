# SPDX-License-Identifier: Apache-2.0
"""Random games: an honest or a lying claimant, an honest watcher, Sybils and a careless keeper.

Who is honest acts in time, not at once: at the latest before its clock would matter. All others act
when Hypothesis says so. What must hold after every step and in the end is in `checks`.
"""

from __future__ import annotations

import random
from collections import Counter

import boa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.contracts.actors import wallet
from tests.contracts.parts import OPEN, PAID, PENDING
from tests.opml.game import checks
from tests.opml.game.arena import Arena, Claim, Game
from tests.opml.game.duel import can_send, claimed_by, first_lie, honest
from tests.opml.game.models import ADDED, LINEAR, SUMS
from tests.opml.game.zoo import (
    LIARS,
    Answering,
    Challenger,
    Claimant,
    Stalling,
    Supposing,
    Wandering,
    false_proof,
)
from verifiers.opml.moves import WON, Move, answer
from verifiers.opml.openings import Execution

# Seconds that an honest side may take for a move; a dozen of them fit its clock.
LATENCY = 45
# Elements of several blocks and of one; padding; inside an element; no node.
NAMES = (LINEAR, 3), (ADDED, 0), (SUMS, 8), (LINEAR, 100), (SUMS, 5), (100, 0), (2**20 - 1, 2**39)
SYBILS = 4
TRUE = "honest"


class GameMachine(RuleBasedStateMachine):
    """One job from its claim on; what is shared by all runs is set by the test."""

    built: Arena
    truth: Execution
    tally: Counter[str]
    # Who may be the claimant: a name of the zoo, or TRUE.
    names: list[str]

    @initialize(
        name=st.runner().flatmap(lambda self: st.sampled_from(self.names)), prompt=st.booleans()
    )
    def begin(self, name: str, prompt: bool) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.arena = self.built.copy()
        self.is_prompt = prompt
        self.players: dict[str, Challenger] = {}
        self.games: list[Game] = []
        self.started(Answering(self.truth) if name == TRUE else LIARS[name](self.truth), name)
        self.tally[name] += 1

    def started(self, claimant: Claimant, name: str) -> None:
        self.claimant, self.is_true = claimant, name == TRUE
        self.claim = claimed_by(self.arena, claimant)
        self.stake = self.stake_now
        self.watcher = honest(self.claim, self.truth)

    # ---- who is honest ----

    def let_the_honest_act(self) -> None:
        """All that is due: the claimant's answers, the watcher's moves, a prompt keeper's calls."""
        self.see_to_timeouts()
        if not self.is_true:
            self.let_the_insider_move()
            self.watch()
        while self.is_true and self.standing and self.answer_one():
            pass

    def answer_one(self) -> bool:
        for game in self.open_games:
            if not game.is_answered:
                game.send_answer(answer(self.truth, game.at))
                self.tally["answers"] += 1
                return True
        return False

    def watch(self) -> None:
        """The watcher opens its game, and moves while it can."""
        if self.standing and "watcher" not in self.players:
            self.players["watcher"] = self.watcher
            self.games.append(self.claim.open("watcher"))
        game = self.game_of("watcher")
        while game and self.standing and game.state.since and game.is_answered:
            move = self.watcher.move(game.at, game.published())
            assert move is not None, "an honest challenger always finds the next move"
            game.send(move)
            self.tally[f"watcher's {move.name}"] += 1
        if game and self.standing and self.is_late(game):
            game.claimant_timeout(by="watcher")
            self.tally["watcher's timeout"] += 1

    def let_the_insider_move(self) -> None:
        """As far as it can; others may have won before it."""
        game = self.game_of("insider")
        while game and game.state.since and game.state.stage != WON and game.is_answered:
            move = self.players["insider"].move(game.at, game.published())
            if move is None or not can_send(lambda move=move: game.send(move)):
                break
            self.tally[f"insider's {move.name}"] += 1

    def is_late(self, game: Game) -> bool:
        state, now = game.state, self.arena.world.now
        return not game.is_answered and now > state.since + state.claimant_left

    def see_to_timeouts(self) -> None:
        for game in self.open_games if self.is_prompt and self.standing else []:
            if game.is_answered and can_send(game.challenger_timeout):
                self.tally["challenger late"] += 1

    # ---- what happens ----

    @rule(seconds=st.integers(1, LATENCY))
    def a_while_passes(self, seconds: int) -> None:
        """The honest take their time."""
        self.arena.world.warp(self.arena.world.now + seconds)
        self.let_the_honest_act()

    @rule(seconds=st.sampled_from([3_601, 901, 900, 300, 60]))
    def a_long_time_passes(self, seconds: int) -> None:
        """In which it is the others' turn."""
        self.let_the_honest_act()
        self.arena.world.warp(self.arena.world.now + seconds)
        self.let_the_honest_act()

    @rule(i=st.integers(0, SYBILS - 1), seed=st.integers(0, 99), moves=st.integers(0, 5))
    def a_sybil_plays(self, i: int, seed: int, moves: int) -> None:
        """Opens a game if it has none, and goes on as it is answered; an odd one asks again."""
        role = f"sybil {i}"
        if can_send(lambda: self.games.append(self.opened(role, seed))):
            self.tally["sybils"] += 1
            wandering = Wandering(self.truth, random.Random(seed))
            self.players[role] = wandering if seed % 4 else Stalling()
        for _ in range(moves):
            self.let_the_honest_act()
            self.a_sybil_moves(role, is_odd=seed % 5 == 0)

    def opened(self, role: str, seed: int) -> Game:
        """Every third names an element, or what is none."""
        if seed % 3:
            return self.claim.open(role)
        j, place = NAMES[seed % len(NAMES)]
        game = self.claim.open_at(j, place, role)
        self.tally["element named"] += 1
        return game

    @precondition(lambda self: not self.is_true)
    @rule(knows=st.sampled_from([False, True]))
    def an_insider_plays(self, knows: bool) -> None:
        """Names where what the liar ran is wrong; it knows that trace, or only thinks so."""
        told = getattr(self.claimant, "execution", self.truth)
        place = first_lie(self.truth, told)
        if can_send(lambda: self.games.append(self.claim.open_at(*place, role="insider"))):
            self.tally["insiders"] += 1
            challenge = honest(self.claim, self.truth).challenge
            self.players["insider"] = Supposing(challenge, told if knows else self.truth)

    def a_sybil_moves(self, role: str, is_odd: bool) -> None:
        game = self.game_of(role)
        if game is None or not game.state.since or game.state.stage == WON:
            return
        published = game.published() if game.is_answered else b""
        move = Move("pick") if is_odd else self.players[role].move(game.at, published)
        if move is not None and can_send(lambda: game.send(move)):
            self.tally["sybil's pick"] += 1

    @rule(i=st.integers(0, SYBILS - 1), at=st.integers(0, 7))
    def a_sybil_proves(self, i: int, at: int) -> None:
        """With the evidence of a right trace."""
        game = self.game_of(f"sybil {i}")
        if game is not None and can_send(lambda: game.send(false_proof(self.truth, ADDED, at))):
            self.tally["sybil's proof"] += 1
            assert not self.is_true

    @precondition(lambda self: not self.is_true)
    @rule(steps=st.sampled_from([7, 7, 3, 1]))
    def a_liar_answers(self, steps: int) -> None:
        """Everybody, as far as it can, and is asked again."""
        for _ in range(steps):
            for game in self.open_games if self.standing else []:
                move = None if game.is_answered else self.claimant.answer(game.at)
                if move and can_send(lambda game=game, move=move: game.send_answer(move)):
                    self.tally["liar's answer"] += 1
            self.let_the_honest_act()

    @rule()
    def a_stranger_answers(self) -> None:
        """With pieces of the right trace; the claimant's own moves are not a stranger's."""
        for game in self.open_games if self.standing else []:
            if game.is_answered or game.at.node_index >= len(self.truth.nodes):
                continue
            move = answer(self.truth, game.at)
            if can_send(lambda game=game, move=move: game.send_answer(move, wallet("keeper"))):
                self.tally["stranger's answer"] += 1
                assert move.name not in ("post_trace", "answer_partials", "state")

    @rule(what=st.sampled_from(sorted(checks.CALLS)))
    def a_keeper_tries(self, what: str) -> None:
        """One call on every game; then to have the claim paid."""
        for game in self.games:
            checks.attempt(self, game, what)
        if can_send(self.claim.finalise):
            self.tally["finalised"] += 1
            assert self.is_true

    @rule()
    def everybody_withdraws(self) -> None:
        for account in checks.holders(self.arena):
            if self.arena.credit(account):
                checks.withdraw(self.arena, account)
                self.tally["withdrawn"] += 1
        self.arena.verifier.burn()

    @precondition(lambda self: self.arena.world.job(self.claim.terms).status == OPEN)
    @rule()
    def the_next_member_claims(self) -> None:
        """Honestly, after a fall."""
        old, claimant = self.claim, Answering(self.truth)
        claims: list[Claim] = []
        member = self.arena.subnet.members[1]
        if not can_send(
            lambda: claims.append(self.arena.claim(old.terms, claimant.output, by=member))
        ):
            return
        self.claim, self.claimant, self.is_true = claims[0], claimant, True
        self.stake = self.stake_now
        self.tally["claimed again"] += 1

    # ---- what must hold ----

    @invariant()
    def every_coin_is_somebodys(self) -> None:
        checks.coins(self.arena)

    @invariant()
    def who_answers_in_time_is_not_slashed(self) -> None:
        if self.is_true:
            assert self.arena.verifier.fallen(self.claim.id) == (0, 0, 0)
            assert self.stake_now == self.stake

    @invariant()
    def a_wrong_claim_is_not_paid(self) -> None:
        if not self.is_true:
            assert self.arena.world.job(self.claim.terms).status != PAID

    @invariant()
    def open_games_are_counted(self) -> None:
        if self.standing:
            games = self.arena.verifier.claim_of(self.claim.job_id)[2]
            assert games == len(self.open_games)

    def teardown(self) -> None:
        if hasattr(self, "arena"):
            self.let_the_honest_act()
            checks.end(self)
            self.anchor.__exit__(None, None, None)

    # ---- looks ----

    @property
    def stake_now(self) -> int:
        return int(self.arena.world.subnets.stake_of(self.claim.claimant.address))

    @property
    def standing(self) -> bool:
        return self.arena.world.job(self.claim.terms).status == PENDING

    @property
    def open_games(self) -> list[Game]:
        """Of the claim that stands."""
        mine = {g.challenger.address: g for g in self.games if g.claim is self.claim}
        return [game for game in mine.values() if game.state.since]

    def game_of(self, role: str) -> Game | None:
        found = [game for game in self.games if game.challenger == wallet(role)]
        return found[-1] if found else None
