# SPDX-License-Identifier: Apache-2.0
"""Walks the quantised graph; tensors travel as floats, elements less their zero point.

A tensor that only tables read, or the user, travels as the element itself, and need not be whole:
the cast to an integer cuts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.ir import Step, Value
from verifiers.opml.compiler.lower.finish import Exit, carried
from verifiers.opml.compiler.lower.writer import Writer
from verifiers.opml.program import Kind

Key = tuple[Kind, int, tuple[Step, ...]]


class Lowering:
    """One ONNX graph under construction; ``emitters`` lower each kind of operation."""

    def __init__(
        self,
        w: Writer,
        program: ir.Program,
        emitters: Mapping[type[ir.Op], Callable[[Lowering, Any], str]],
    ) -> None:
        self.w = w
        self.program = program
        self._emitters = emitters
        self._readers = _readers(program)
        self._only_looked_up = _only_looked_up(program, self._readers)
        self.current = 0
        self.fed: set[tuple[Kind, int]] = set()
        # Of operations that also have another form, see ``blocked``.
        self.images: dict[int, str] = {}
        self._names: dict[Key, str] = {}
        self._other: dict[tuple[str, str, int], str] = {}

    def leave(self, index: int) -> Exit:
        """How operation ``index`` hands on its tensor."""
        bare = index in self._only_looked_up
        return Exit(0 if bare else self.program.ops[index].quant.zero, not bare)

    def offset(self, x: Value) -> int:
        """What was subtracted from the elements that travel."""
        return self.leave(x.index).offset if x.kind == Kind.TRACE else x.quant.zero

    def dtype(self, x: Value) -> Any:
        """The float type that a value travels in."""
        return carried(x.quant, self.offset(x))

    def feed(self, kind: Kind, index: int, name: str) -> None:
        """``name`` is the carried tensor of the input or of an operation."""
        self._names[kind, index, ()] = name
        self.fed.add((kind, index))

    def run(self, index: int) -> str:
        """The carried tensor of an operation; it and its operands are lowered when first asked for,
        so that what an emitter bypasses is never computed."""
        key = (Kind.TRACE, index, ())
        if key not in self._names:
            op, before = self.program.ops[index], self.current
            self.current = index
            self.feed(Kind.TRACE, index, self._emitters[type(op)](self, op))
            self.current = before
        return self._names[key]

    def readers(self, index: int) -> list[int]:
        """The operations that read the tensor of operation ``index``."""
        return self._readers.get(index, [])

    def exit(self) -> Exit:
        """How the operation being lowered leaves."""
        return self.leave(self.current)

    def read(self, x: Value, dtype: Any = None) -> str:
        """The carried tensor as the value sees it, cast to ``dtype`` if another is asked for."""
        name = self._viewed(x.kind, x.index, x.steps, x)
        if dtype is None or dtype == self.dtype(x):
            return name
        key = (name, "cast", int(np.dtype(dtype).itemsize))
        if key not in self._other:
            self._other[key] = self.w.cast(name, dtype)
        return self._other[key]

    def element(self, x: Value) -> str:
        """The elements themselves, as floats."""
        offset, name = self.offset(x), self.read(x)
        if offset == 0:
            return name
        key = (name, "element", offset)
        if key not in self._other:
            self._other[key] = self.w("Add", name, self.w.number(offset, self.dtype(x)))
        return self._other[key]

    def as_u8(self, x: Value) -> str:
        """The elements as bytes, for the integer lowering."""
        name = self.element(x)
        key = (name, "u8", 0)
        if key not in self._other:
            self._other[key] = self.w.cast(name, np.uint8)
        return self._other[key]

    def _viewed(self, kind: Kind, index: int, steps: tuple[Step, ...], x: Value) -> str:
        key = (kind, index, steps)
        if key in self._names:
            return self._names[key]
        if kind == Kind.TRACE and not steps:
            return self.run(index)
        if kind == Kind.WEIGHTS and not steps:
            elements = self.program.consts[index] - x.quant.zero
            self._names[key] = self.w.const(elements[None].astype(carried(x.quant, x.quant.zero)))
        else:
            before = self._viewed(kind, index, steps[:-1], x)
            self._names[key] = _apply(self.w, before, steps[-1])
        return self._names[key]


def _apply(w: Writer, x: str, step: Step) -> str:
    if step.op == "Transpose":
        return w("Transpose", x, perm=[0, *(axis + 1 for axis in step.args[0])])
    if step.op == "Slice":
        (axis,), starts, stops, steps = step.args
        places = [w.ints(*part) for part in (starts, stops, (axis + 1,), steps)]
        return w("Slice", x, *places)
    if step.op == "Reshape":
        return w("Reshape", x, w.ints(-1, *step.args[0]))
    return w("Expand", x, w.ints(1, *step.args[0]))


def _readers(program: ir.Program) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for reader, op in enumerate(program.ops):
        for value in op.operands:
            if value.kind == Kind.TRACE:
                found.setdefault(value.index, []).append(reader)
    return found


def _only_looked_up(program: ir.Program, readers: dict[int, list[int]]) -> set[int]:
    """Operations whose results nothing but tables and the user read, and that can't be negative."""
    read = {index for index, found in readers.items() if not _only_tables(program, found)}
    return {i for i, op in enumerate(program.ops) if i not in read and op.quant.lo >= 0}


def _only_tables(program: ir.Program, readers: list[int]) -> bool:
    return all(isinstance(program.ops[reader], ir.Lut) for reader in readers)
