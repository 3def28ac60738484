# SPDX-License-Identifier: Apache-2.0
"""A dispute from the job's post to the last coin: who lies, who catches it, who serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property

from offchain_workers.chain.contracts import JobStatus
from offchain_workers.challenger.errors import GameUnknownError
from offchain_workers.challenger.story import Narrator, Own, Story
from offchain_workers.codecs import get_codec
from offchain_workers.devnet import process
from offchain_workers.errors import FusionError
from offchain_workers.localnet.daemon import configure, fusion
from offchain_workers.localnet.opml import OpmlMarket
from offchain_workers.localnet.verdict import Books, Verdict, refused
from offchain_workers.requester.posting import Prepared, Wish
from verifiers.opml.adversaries.attacks import ATTACKS, SYBILS
from verifiers.opml.adversaries.cast import LYING_WORKERS
from verifiers.opml.adversaries.method import LAST_SECONDS
from verifiers.opml.board import Board, Look, OpenGame
from verifiers.opml.method import patience

ADVERSARY = "adversary"
# The dearest model runs in milliseconds: all this is for slow machines.
DISPUTE_SECONDS = 600.0
# Games that are shown while they are played.
_SHOWN = 3
_PAUSE_SECONDS = 0.3
# Nothing happened for so long: whoever is dishonest and on turn has nothing to say; or is slow, if
# it is one that answers.
_QUIET_SECONDS, _SLOW_SECONDS = 5.0, 60.0


class Dispute:
    """One job on a market with one adversary, a name of LYING_WORKERS or ATTACKS.

    The chain's clock goes on when nobody honest has anything to do: nobody waits for a window.
    """

    def __init__(
        self, market: OpmlMarket, adversary: str, say: Callable[[str], None] = lambda step: None
    ) -> None:
        self.stories: Sequence[Story] = ()
        self._market, self._adversary, self._say = market, adversary, say
        self._attack = ATTACKS.get(adversary)
        liar = LYING_WORKERS.get(self._attack.liar if self._attack else adversary)
        self._by_time = liar is None or liar.by_time or liar.stalls
        self._changed: Callable[[], None] = lambda: None
        self._head, self._state, self._since = 0, object(), time.monotonic()
        self._books = Books(market)
        self.prepared: Prepared
        self._right: Own

    def on_change(self, changed: Callable[[], None]) -> None:
        """``changed`` is called when ``stories`` are new."""
        self._changed = changed

    def run(self, stack: ExitStack) -> Verdict:
        """Post the job and see it through. Raises FusionError MN-DEV-011 when it does not end."""
        self._prepare()
        if self.prepared.acceptance is None:
            return refused(self._adversary, self.prepared.notes)
        self._post(stack)
        deadline = time.monotonic() + DISPUTE_SECONDS
        while not self._is_over:
            if time.monotonic() > deadline:
                raise FusionError("MN-DEV-011", f"the dispute is not over: {self._status.name}")
            time.sleep(_PAUSE_SECONDS)
            self._look()
        self._tell(self._books.opened)
        return self._books.verdict(self._adversary, self.prepared, self.stories)

    def _prepare(self) -> None:
        """The first sample, with time for a claim to be refuted and made again."""
        net, (_, raw, _) = self._market.net, self._market.model.samples[0]
        wallet = net.wallet("requester")
        wish = Wish(deliver_within=7_200, turn_length=60)
        item = get_codec(self._market.card.codec).encode(self._market.card, raw)
        self._right = Own(self._market.program.execution(item), self._market.names)
        self.prepared = self._market.posting.prepare(wallet.address, [item], wish)
        for note in self.prepared.notes:
            self._say(note)

    def _post(self, stack: ExitStack) -> None:
        if self._attack is not None:
            self._start_attack(stack)
        wallet = self._market.net.wallet("requester")
        self._books.post_gas = int(wallet.send(self.prepared.call)["gasUsed"])
        self._say(f"job 0x{self.prepared.job_id.hex()} is posted")

    def _start_attack(self, stack: ExitStack) -> None:
        net = self._market.net
        net.fund([ADVERSARY])
        home = net.layout.folder / ADVERSARY
        config = configure(net.layout, home, ADVERSARY, [net.devnet.url], {})
        job, bundle = f"0x{self.prepared.job_id.hex()}", str(self._market.folder)
        command = ["adversary", "challenger", self._adversary, "--job", job, "--bundle", bundle]
        child = process.spawn(fusion(config, command), home / "adversary.log")
        stack.callback(process.stop, child)

    # --- what happens -------------------------------------------------------------------------

    @cached_property
    def _board(self) -> Board:
        board = Board.of(self._market.net.network)
        assert board is not None  # the market was made for it
        return board

    @property
    def _status(self) -> JobStatus:
        return self._market.net.network.marketplace.job(self.prepared.job_id).status

    @property
    def _is_over(self) -> bool:
        return self._status in (JobStatus.PAID, JobStatus.REFUNDED) and self._books.settled

    def _look(self) -> None:
        head = self._market.net.pool.w3.eth.block_number
        if head != self._head:
            self._head = head
            self._notice()
        quiet = time.monotonic() - self._since
        if quiet < _QUIET_SECONDS:
            return
        target = self._next_moment(quiet)
        now = int(self._market.net.pool.w3.eth.get_block("latest")["timestamp"])
        if target is not None and target > now:
            self._say(f"nothing to do: the chain's clock goes on by {target - now} s")
            self._market.net.devnet.mine_at(target)
            self._since = time.monotonic()

    def _notice(self) -> None:
        """Whether the new block has anything of ours."""
        self._books.read(self.prepared.job_id)
        look = self._board.look(self.prepared.job_id)
        state = self._status, self._books.length, look and look.games
        if state != self._state:
            self._state, self._since = state, time.monotonic()
            self._tell()

    def _next_moment(self, quiet: float) -> int | None:
        """To which the clock may go; None while somebody honest is on turn."""
        status = self._status
        if status in (JobStatus.PAID, JobStatus.REFUNDED):
            return self._books.next_end
        look = self._board.look(self.prepared.job_id)
        if status is not JobStatus.PENDING or look is None:
            return None
        if look.games:
            return self._after_games(look, quiet)
        is_true = self._market.liar != self._claimant
        return patience(self._board, look) if is_true and self._came else None

    def _after_games(self, look: Look, quiet: float) -> int | None:
        if quiet < (_QUIET_SECONDS if self._by_time else _SLOW_SECONDS):
            return None
        if any(self._is_honest_turn(game) for game in look.games):
            return None
        ends = [g.challenger_until if g.answered_at else g.claimant_until for g in look.games]
        soon = min(ends) - LAST_SECONDS + 1
        return soon if look.now < soon else max(ends) + 1

    def _is_honest_turn(self, game: OpenGame) -> bool:
        if game.answered_at:
            return game.challenger == self._market.watcher.address
        return self._claimant != self._market.liar

    @property
    def _claimant(self) -> str | None:
        return self._market.net.network.marketplace.job(self.prepared.job_id).operator

    @property
    def _came(self) -> bool:
        """Whether a dishonest challenger of an honest claim has opened its games."""
        if self._attack is None or self._attack.liar:
            return True
        return self._books.opened >= (SYBILS if self._adversary == "sybils" else 1)

    # --- what is shown ------------------------------------------------------------------------

    def _tell(self, most: int = _SHOWN) -> None:
        narrator = Narrator(self._board.verifier, self._market.net.network.start_block)
        job_id = self.prepared.job_id
        try:
            stories = [
                narrator.story(job_id, challenger, self._right)
                for challenger in self._books.challengers[:most]
            ]
        except GameUnknownError:
            return  # reorganised, or not yet
        if [story.turns for story in stories] != [story.turns for story in self.stories]:
            self.stories = stories
            self._changed()
