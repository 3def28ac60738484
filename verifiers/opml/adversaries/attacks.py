# SPDX-License-Identifier: Apache-2.0
"""Challengers without regard to what is right: what each makes of one claim."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml.adversaries.cast import LYING_WORKERS
from verifiers.opml.adversaries.challengers import (
    Challenger,
    Honest,
    Wandering,
    false_proof,
)
from verifiers.opml.adversaries.players import changed
from verifiers.opml.adversaries.publishers import PUBLISHERS
from verifiers.opml.merkle import ZERO
from verifiers.opml.moves import CUT, TRACE, Challenge, Move
from verifiers.opml.named import path_to
from verifiers.opml.openings import EMPTY, Execution
from verifiers.opml.program import Header

SYBILS = 50


@dataclass(frozen=True)
class Scene:
    """What a challenger knows: the program's header and the job, run."""

    header: Header
    truth: Execution

    @property
    def output(self) -> bytes:
        return self.truth.outputs[self.header.output_node].commitment[:CUT]

    @property
    def single(self) -> int:
        """A node whose elements are of one block, so that they are proved at once."""
        return next(j for j, node in enumerate(self.truth.nodes) if not node.is_reduction)


@dataclass
class OneMove:
    """Makes its moves at the game's begin, whatever the contract says, and no other."""

    moves: list[Move]

    def move(self, at: Position, published: bytes) -> Move | None:
        is_begin = at.stage == TRACE and at.node == ZERO
        return self.moves.pop(0) if is_begin and self.moves else None


@dataclass(frozen=True)
class Attack:
    """``players`` of one claim. ``liar``: the worker that they are in league with, or steal from,
    empty: an honest one; ``stalls``: they move at the last moment; ``copies``: they send again what
    another challenger sends."""

    players: Callable[[Scene], Sequence[Challenger]]
    liar: str = ""
    stalls: bool = False
    copies: bool = False


def lying(scene: Scene) -> Sequence[Challenger]:
    """Insists on another byte in the middle of the trace."""
    j = scene.single
    mine = changed(scene.truth, j, len(scene.truth.outputs[j].data) // 2)
    return [Honest(Challenge(scene.header, mine, scene.output))]


def wandering(scene: Scene, count: int = 1) -> Sequence[Challenger]:
    """Ask for random pieces of the trace."""
    return [Wandering(scene.truth, random.Random(seed)) for seed in range(count)]


def forging(scene: Scene) -> Sequence[Challenger]:
    """Proofs that open something else than the trace."""
    j = scene.single
    own = false_proof(scene.truth, j, 0).evidence
    a = own.a
    other = false_proof(changed(scene.truth, j - 1), j, 0).evidence
    forged: list[dict[str, object]] = [
        {"a": other.a},
        {"a": EMPTY},
        {"a": a._replace(leaves=bytes(len(a.leaves)))},
        {"a": a._replace(byte_len=0)},
        {"branch": own.branch[1:]},
    ]
    return [OneMove([false_proof(scene.truth, j, 0, **changes) for changes in forged])]


def self_game(scene: Scene) -> Sequence[Challenger]:
    """Knows where the liar lies, and proves it before others can."""
    liar = LYING_WORKERS["wrong-element"].claimant(scene.truth)
    j = scene.single
    at = len(scene.truth.outputs[j].data) // 2
    return [OneMove([false_proof(liar.execution, j, at)])]  # type: ignore[attr-defined]


def collusion(scene: Scene) -> Sequence[Challenger]:
    """Asks about an element far from the lie, which the liar won't answer."""
    liar = LYING_WORKERS["withhold-at-element"].claimant(scene.truth)
    path = path_to(liar.execution, 0, 0)  # type: ignore[attr-defined]
    return [OneMove([Move("pick", path)])]


ATTACKS: dict[str, Attack] = {
    "lying-challenger": Attack(lying),
    "stalling-challenger": Attack(wandering, stalls=True),
    "forging-challenger": Attack(forging),
    "sybils": Attack(lambda scene: wandering(scene, SYBILS)),
    "front-runner": Attack(lambda scene: [OneMove([])], liar="wrong-partial-sum", copies=True),
    "self-game": Attack(self_game, liar="wrong-element"),
    "collusion": Attack(collusion, liar="withhold-at-element"),
}
ADVERSARIES = (*LYING_WORKERS, *ATTACKS, *PUBLISHERS)
