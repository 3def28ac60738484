# SPDX-License-Identifier: Apache-2.0
"""The step contracts, called as the game calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from offchain_workers.chain import artifact
from scripts.build_artifacts import compile_contract
from tests.opml.steps.cases import Case
from tests.opml.steps.machine import Contract
from verifiers.opml import runs, words
from verifiers.opml.openings import EMPTY, Opening, operand_opening, param_opening
from verifiers.opml.program import Node
from verifiers.opml.runs import Side

ROOT = Path(__file__).parents[3]

# What a call costs at most, as interfaces/IOpmlStep.vyi says.
BLOCK_GAS = 85_000
FINISH_GAS = 23_000
ELEMENT_GAS = 80_000


@cache
def shipped(name: str) -> Contract:
    record = artifact.load(name)
    return Contract(record.abi, record.bytecode)


@cache
def probe() -> Contract:
    """The module of what game and steps share."""
    record = compile_contract(ROOT, Path(__file__).with_name("ProfileProbe.vy"))
    return Contract(record["abi"], bytes.fromhex(record["bytecode"].removeprefix("0x")))


def packed(node: Node) -> list[int]:
    """A descriptor as the contracts take it."""
    return words.from_bytes(node.encode())


@dataclass(frozen=True)
class Shown:
    """What a step is shown for one block of a case."""

    case: Case
    a: Opening
    b: Opening
    p: Opening = EMPTY
    k: int = 0

    @classmethod
    def of(cls, case: Case, k: int = 0) -> Shown:
        a, b = (operand_opening(case.execution, side, case.j, case.e, k) for side in Side)
        channel = runs.channel(case.node, case.e)
        return cls(case, a, b, param_opening(case.execution, case.j, channel), k)

    def but(self, **openings: Opening) -> Shown:
        return replace(self, **openings)

    def value(self) -> int:
        """The block's value, or the element when the node is no reduction. Raises RevertedError."""
        execution, node = self.case.execution, packed(self.case.node)
        roots = execution.trace.root, execution.trace.depth
        tensors = execution.given.commitment, execution.weights.commitment
        if self.case.node.is_reduction:
            where = node, self.case.j, self.case.e, self.k
            return _int(reduce().call("block_value", *where, *roots, *tensors, self.a, self.b))
        where = node, self.case.j, self.case.e
        return _int(element().call("element", *where, *roots, *tensors, self.a, self.b, self.p))

    def finished(self, acc: int) -> int:
        """The element that ``acc`` becomes. Raises RevertedError."""
        weights = self.case.execution.weights.commitment
        where = packed(self.case.node), self.case.e
        return _int(reduce().call("finish", *where, acc, weights, self.p))


def reduce() -> Contract:
    return shipped("StepReduce")


def element() -> Contract:
    return shipped("StepElement")


def combined(node: Node, partials: list[int]) -> int:
    return _int(probe().call("combine", packed(node), partials))


def _int(value: Any) -> int:
    assert isinstance(value, int)
    return value
