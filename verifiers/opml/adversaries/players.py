# SPDX-License-Identifier: Apache-2.0
"""Claimants that know no chain: what each answers at a position, honest or not.

Every one may say nothing, which is how it withholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml import moves
from verifiers.opml.adversaries.forging import forged_partials, with_output
from verifiers.opml.merkle import ZERO, Tensor
from verifiers.opml.moves import ELEMENT, NAMED, TRACE, Move
from verifiers.opml.openings import Execution


class Claimant(Protocol):
    """Claims ``output`` and answers for it."""

    @property
    def output(self) -> bytes: ...

    def answer(self, at: Position) -> Move | None:
        """None: nothing, and the clock runs."""


@dataclass(frozen=True)
class Answering:
    """Answers from an execution as the rules ask; honest when the execution is."""

    execution: Execution

    @property
    def output(self) -> bytes:
        return self.execution.outputs[-1].data

    def answer(self, at: Position) -> Move | None:
        try:
            return moves.answer(self.execution, at)
        except IndexError:
            # Asked about a node that there is not.
            return None


@dataclass(frozen=True)
class Lying(Answering):
    """States block values that make the element it claims, when there are any."""

    def answer(self, at: Position) -> Move | None:
        honest = super().answer(at)
        if at.stage not in (ELEMENT, NAMED) or honest is None or honest.args[-1] == []:
            return honest
        return honest._replace(args=(*honest.args[:-1], self.stated(at)))

    def stated(self, at: Position) -> list[int]:
        """Of an element of several blocks. As they are when no others make the element."""
        node = self.execution.nodes[at.node_index]
        width = 1 << (node.out_code & 3)
        data = self.execution.outputs[at.node_index].data[at.place : at.place + width]
        claimed = int.from_bytes(data, "little", signed=node.out_code & 3 > 1)
        e, weights = at.place // width, self.execution.weights.data
        values = self.execution.block_values(at.node_index, e)
        try:
            return forged_partials(node, values, e, claimed, weights)
        except ValueError:
            return values


@dataclass(frozen=True)
class Unmade(Lying):
    """States the true block values, which make another element, but for the last ``left_out``."""

    left_out: int = 0

    def stated(self, at: Position) -> list[int]:
        width = 1 << (self.execution.nodes[at.node_index].out_code & 3)
        values = self.execution.block_values(at.node_index, at.place // width)
        return values[: len(values) - self.left_out]


@dataclass(frozen=True)
class Claiming(Lying):
    """Claims an output that is not even its trace's."""

    claimed: bytes = b""

    @property
    def output(self) -> bytes:
        return self.claimed


@dataclass(frozen=True)
class Withholding(Lying):
    """Answers nothing from a stage of the game on."""

    at_stage: int = TRACE
    at_begin: bool = False

    def answer(self, at: Position) -> Move | None:
        is_begin = at.stage == TRACE and at.node == ZERO
        if is_begin == self.at_begin and at.stage == self.at_stage:
            return None
        return super().answer(at)


@dataclass(frozen=True)
class Confusing(Lying):
    """Its hashes stand for something else; ``decoys`` it publishes beforehand."""

    decoys: tuple[Move, ...] = ()


def changed(execution: Execution, j: int, at: int = 0, by: int = 1) -> Execution:
    """One byte of node ``j`` is another."""
    data = bytearray(execution.outputs[j].data)
    data[at] = (data[at] + by) % 256
    return with_output(execution, j, Tensor(bytes(data)))
