# SPDX-License-Identifier: Apache-2.0
"""The line of play against a claim, as far as the claimant has answered, in any game.

Which way a challenger goes follows from its own execution and what the claimant published, so the
whole line can be found again at any time: that is how a game is resumed, how one skips what others
have asked already, and how one proves after the claim fell, when nobody may ask any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml.board import begin, question_key
from verifiers.opml.merkle import LEAF_BYTES, ZERO, depth_of
from verifiers.opml.moves import ELEMENT, NAMED, TENSOR, TRACE, Challenge, Move, Path

# What the claimant published under a question's key, None when it has not.
Published = Callable[[Position], bytes | None]


@dataclass(frozen=True)
class Line:
    """``positions[i]`` is where ``moves[i]`` was or can be made; one position more when the last
    question is not answered yet."""

    claim_id: bytes
    positions: Sequence[Position]
    moves: Sequence[Move]

    def next_move(self, at: Position, stands: bool) -> Move | None:
        """From ``at``, where a game of ours stands, as far as one call can go.

        None when the claimant has to answer first, or when only ``pick`` would do and the claim
        fell. Raises ValueError when the game left the line.
        """
        if at.stage == NAMED:
            # The line begins where all games begin, and that is one pick away.
            return Move("pick") if stands else None
        keys = [question_key(self.claim_id, position) for position in self.positions]
        moves = self.moves[keys.index(question_key(self.claim_id, at)) :]
        if len(moves) > 1 and self.positions[len(self.moves) - 1].stage == ELEMENT:
            # Stated values are looked up under the element, so the game must stand there.
            moves = moves[:-1]
        if not moves or not (stands or moves[-1].name == "prove"):
            return None
        return joined(moves)


def follow(challenge: Challenge, claim_id: bytes, word: int, published: Published) -> Line:
    """The line against a claim. Raises ValueError when nothing differs after all."""
    at, positions, moves = begin(word), list[Position](), list[Move]()
    while True:
        positions.append(at)
        data = published(at)
        if data is None:
            return Line(claim_id, positions, moves)
        move = challenge.next_move(at, data)
        moves.append(move)
        if move.name == "prove":
            return Line(claim_id, positions, moves)
        at = descend(at, move.path)


def descend(at: Position, path: Path) -> Position:
    """Where a path leads, as OpmlJudge says; the branches are not checked."""
    if at.stage == NAMED:
        at = at._replace(stage=TRACE, node_index=0, place=0)
    if at.stage == TRACE:
        down = len(path.trace_branch)
        node = path.trace_node if down else at.node
        index = (at.node_index << down) | path.trace_index
        at = at._replace(levels=at.levels - down, node_index=index, node=node)
        if at.node == ZERO:
            # A trace of one leaf: the leaf itself was published.
            at = at._replace(node=path.trace_node)
        if path.root != ZERO:
            leaves = max(1, -(-path.byte_len // LEAF_BYTES))
            at = at._replace(
                stage=TENSOR, levels=depth_of(leaves), byte_len=path.byte_len, node=path.root
            )
    if at.stage == TENSOR:
        down = len(path.tensor_branch)
        node = path.tensor_node if down else at.node
        place = (at.place << down) | path.tensor_index
        at = at._replace(levels=at.levels - down, place=place, node=node)
        if path.chunk:
            word = path.byte_index // 32 * 32
            at = at._replace(
                stage=ELEMENT,
                place=at.place * LEAF_BYTES + path.byte_index,
                node=path.chunk[word : word + 32],
            )
    return at


def joined(moves: Sequence[Move]) -> Move:
    """One call that does what these do one after the other."""
    path = moves[0].path
    for move in moves[1:]:
        path = _longer(path, move.path)
    return moves[-1]._replace(path=path)


def _longer(path: Path, then: Path) -> Path:
    """``then`` begins where ``path`` ends."""
    if then.trace_branch:
        path = path._replace(
            trace_index=(path.trace_index << len(then.trace_branch)) | then.trace_index,
            trace_node=then.trace_node,
            trace_branch=[*then.trace_branch, *path.trace_branch],
        )
    if then.root != ZERO:
        path = path._replace(byte_len=then.byte_len, root=then.root)
    if then.tensor_branch:
        path = path._replace(
            tensor_index=(path.tensor_index << len(then.tensor_branch)) | then.tensor_index,
            tensor_node=then.tensor_node,
            tensor_branch=[*then.tensor_branch, *path.tensor_branch],
        )
    if then.chunk:
        path = path._replace(chunk=then.chunk, byte_index=then.byte_index)
    return path
