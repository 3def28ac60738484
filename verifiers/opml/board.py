# SPDX-License-Identifier: Apache-2.0
"""The state of play on the chain: a claim's games, where they stand, and what was published.

Nothing is remembered: every look reads the chain, so that a restart loses nothing and a
reorganisation is followed. Events only say who plays and what was published; whose turn it is comes
from the contract's state.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.abi import encode

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.opml import (
    BLOCKS_NAMED,
    Claim,
    Game,
    OpmlVerifier,
    Position,
    block_of,
    trace_depth_of,
)
from offchain_workers.chain.events import Event
from offchain_workers.chain.hashing import keccak
from offchain_workers.chain.past import Past
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import ELEMENT, NAMED, TRACE
from verifiers.opml.play_errors import GamesHiddenError, UnansweredError

HELD = 64


@dataclass(frozen=True)
class OpenGame:
    """One challenger's game; ``answered_at`` 0: the claimant is on turn."""

    challenger: str
    game: Game
    claim_id: bytes
    key: bytes
    answered_at: int

    @property
    def at(self) -> Position:
        return self.game.at

    @property
    def claimant_until(self) -> int:
        """The last second in which the claimant's answer can't be too late."""
        return self.game.since + self.game.claimant_left

    @property
    def challenger_until(self) -> int:
        """The same for the challenger's move; only when the claimant has answered."""
        return max(self.answered_at, self.game.since) + self.game.challenger_left


@dataclass(frozen=True)
class Look:
    """A claim and all its open games as of one block; ``now`` is that block's time."""

    block: int
    now: int
    claim: Claim
    games: tuple[OpenGame, ...]


class Board:
    """Reads of one deployment of OpmlVerifier; stateless but for what never changes."""

    def __init__(self, verifier: OpmlVerifier, start_block: int) -> None:
        self.verifier = verifier
        self._past = Past(verifier, start_block)

    @classmethod
    def of(cls, network: Network) -> Board | None:
        """None on a market without `opml`."""
        verifier = OpmlVerifier.of(network)
        return None if verifier is None else cls(verifier, network.start_block)

    def look(self, job_id: bytes) -> Look | None:
        """The standing claim of a job with its games; None when there is none.

        One read more for a claim that nobody plays against. Raises GamesHiddenError when an
        endpoint hides games that the contract counts.
        """
        head = self.verifier.w3.eth.get_block("latest")
        block, now = int(head["number"]), int(head["timestamp"])
        claim = self.verifier.claim_of(job_id, block)
        if claim is None:
            return None
        games = self._games(job_id, claim, block) if claim.games else ()
        return Look(block, now, claim, games)

    def claimed_at(self, look: Look) -> int:
        """The time of the block in which the claim was made, by the lower bits of its number that
        the claim's word has: too late, where so many blocks went by since that they came again."""
        ago = (look.block - block_of(look.claim.word)) % BLOCKS_NAMED
        return int(self.verifier.w3.eth.get_block(look.block - ago)["timestamp"])

    def published(self, game: OpenGame, block: int | None = None) -> bytes:
        """The claimant's answer to a game's question. Raises UnansweredError when there is none."""
        last = self.verifier.w3.eth.block_number if block is None else block
        for found in self._past.newest_first(("Answered",), game.key, last):
            if found.args["claim_id"] == game.claim_id:
                return bytes(found.args["data"])
        raise UnansweredError(f"nothing is published under 0x{game.key.hex()}")

    def walk(self, job_id: bytes, claim: int, challenger: str, block: int) -> list[Position]:
        """Where a challenger's game has been since it opened, the begin or the element that it
        named first."""
        walked: list[Position] = []
        for event in self._past.newest_first(("Opened", "Picked"), job_id, block):
            if (event.args["claim"], event.args["challenger"]) != (claim, challenger):
                continue
            if event.name == "Opened":
                break
            walked.append(Position(**event.args["at"]))
        walked.reverse()
        has_named = bool(walked) and walked[0].stage == NAMED
        return walked if has_named else [begin(claim), *walked]

    def _games(self, job_id: bytes, claim: Claim, block: int) -> tuple[OpenGame, ...]:
        challengers = self._challengers(job_id, claim.word, block)
        found = [self._open_game(job_id, claim.word, one, block) for one in challengers]
        games = tuple(game for game in found if game is not None)
        if len(games) != claim.games:
            raise GamesHiddenError(
                f"job 0x{job_id.hex()}: {len(games)} games found of {claim.games} open"
            )
        return games

    def _challengers(self, job_id: bytes, claim: int, block: int) -> list[str]:
        """Who ever opened a game against the claim, the earliest first."""
        opened: list[Event] = []
        for event in self._past.newest_first(("Claimed", "Opened"), job_id, block):
            if event.args["claim"] != claim:
                continue
            if event.name == "Claimed":
                break
            opened.append(event)
        return list(dict.fromkeys(event.args["challenger"] for event in reversed(opened)))

    def _open_game(self, job_id: bytes, claim: int, challenger: str, block: int) -> OpenGame | None:
        game = self.verifier.game(job_id, claim, challenger, block)
        if game is None:
            return None
        named = claim_id(job_id, claim)
        key = question_key(named, game.at)
        return OpenGame(challenger, game, named, key, self.verifier.answered_at(named, key, block))


def begin(claim: int) -> Position:
    """Where every game against the claim begins that names no element."""
    return Position(TRACE, trace_depth_of(claim), 0, 0, 0, ZERO)


def claim_id(job_id: bytes, claim: int) -> bytes:
    """What names a claim among all jobs."""
    return keccak(job_id + claim.to_bytes(32, "big"))


def question_key(claim: bytes, at: Position) -> bytes:
    """Under which the question of a game at ``at`` is answered; ``claim`` is a claim id.

    The same question has the same key in every game, and but for the first and the last kind in
    every claim.
    """
    if at.stage in (ELEMENT, NAMED):
        return keccak(
            encode(["bytes32", *["uint256"] * 3], [claim, at.stage, at.node_index, at.place])
        )
    if at.node == ZERO:
        return claim
    # The contents of a leaf of the trace have keys of their own: no tree has 64 levels.
    levels = HELD if at.stage == TRACE and at.levels == 0 else at.levels
    return keccak(at.node + levels.to_bytes(32, "big"))
