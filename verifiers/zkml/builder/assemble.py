# SPDX-License-Identifier: Apache-2.0
"""From expressions to operations: equal ones once, sums and products fused where used once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeGuard

from verifiers.zkml.builder.trace import Node
from verifiers.zkml.errors import CircuitError
from verifiers.zkml.program import REGISTERS, Kind, Op

# Until all constants are known, these stand for the first constant and the first result.
CONSTANT, RESULT = 1 << 20, 1 << 21
ZERO = 0


class Assembler:
    """``given`` are the registers that a program begins with."""

    def __init__(self, given: Mapping[Node, int], uses: Counter[Node]) -> None:
        self._registers = dict(given)
        self._uses = uses
        self._constants: dict[int, int] = {}
        self._ops: list[Op] = []
        self._results = 0
        self._first_constant = 0

    def gate(self, constraint: int | Node) -> None:
        """One more constraint."""
        if isinstance(constraint, Node) and constraint not in self._registers:
            kind, registers = self._operation(constraint)
            self._ops.append(Op(Kind(kind | Kind.GATE_SUB), *registers))
        else:
            at, one = self.register(constraint), self.register(1)
            self._ops.append(Op(Kind.GATE_SUB, at, one, ZERO))

    def register(self, value: int | Node) -> int:
        """Where a value is, after the operations that it needs."""
        if isinstance(value, int):
            return self._constant(value)
        if value not in self._registers:
            kind, registers = self._operation(value)
            self._ops.append(Op(kind, *registers))
            self._registers[value] = RESULT + self._results
            self._results += 1
        return self._registers[value]

    def finish(self, first_constant: int) -> tuple[tuple[int, ...], tuple[Op, ...]]:
        """Constants and operations. Raises CircuitError when there are too many."""
        self._first_constant = first_constant
        if first_constant + len(self._constants) + self._results > REGISTERS:
            raise CircuitError("the circuit's gates need more registers than there are")
        settled = self.settled
        ops = [Op(op.kind, settled(op.a), settled(op.b), settled(op.c)) for op in self._ops]
        return tuple(self._constants), tuple(ops)

    def settled(self, register: int) -> int:
        """The number of a register, once finished."""
        if register >= RESULT:
            return register - RESULT + self._first_constant + len(self._constants)
        if register >= CONSTANT:
            return register - CONSTANT + self._first_constant
        return register

    def _constant(self, value: int) -> int:
        if value == 0:
            return ZERO
        return CONSTANT + self._constants.setdefault(value, len(self._constants))

    def _operation(self, value: Node) -> tuple[Kind, tuple[int, int, int]]:
        if value.kind == "mul":
            return Kind.MUL_SUB, self._factors(value)
        if value.kind == "sub":
            a, b = value.args
            return Kind.MUL_SUB, (self.register(1), self.register(a), self.register(b))
        if value.kind != "add":
            raise CircuitError(f"a gate depends on a value of kind {value.kind}")
        for product, other in (value.args, value.args[::-1]):
            if self._is_new(product, "mul") and self._uses[product] == 1:
                a, b = product.args
                return Kind.MUL_ADD, (self.register(a), self.register(b), self.register(other))
        a, b = value.args
        return Kind.MUL_ADD, (self.register(a), self.register(1), self.register(b))

    def _factors(self, product: Node) -> tuple[int, int, int]:
        """Registers a, b and c of a * (b - c)."""
        for a, b in (product.args, product.args[::-1]):
            if self._is_new(b, "sub") and self._uses[b] == 1:
                return self.register(a), self.register(b.args[0]), self.register(b.args[1])
        a, b = product.args
        return self.register(a), self.register(b), ZERO

    def _is_new(self, value: int | Node, kind: str) -> TypeGuard[Node]:
        return isinstance(value, Node) and value.kind == kind and value not in self._registers
