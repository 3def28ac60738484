# SPDX-License-Identifier: Apache-2.0
"""Whole graphs: the model, its trace, and a probe of each different node."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from verifiers.opml.compiler import ir
from verifiers.opml.compiler.graph import Shape
from verifiers.opml.compiler.ir import DTYPE, Value
from verifiers.opml.compiler.lower.blocked import BLOCKED
from verifiers.opml.compiler.lower.finish import carried
from verifiers.opml.compiler.lower.im2col import CUDA
from verifiers.opml.compiler.lower.linear import TRACE, U8, Emitters
from verifiers.opml.compiler.lower.lowering import Lowering
from verifiers.opml.compiler.lower.writer import Writer
from verifiers.opml.compiler.views import View
from verifiers.opml.program import Code, Kind

Target = Literal["f32", "u8", "cuda"]
TARGETS: dict[str, Emitters] = {"f32": BLOCKED, "u8": U8, "cuda": CUDA}
INPUT, OUTPUT = "input", "output"


def model(program: ir.Program, target: Target = "f32") -> bytes:
    """Input elements -> output elements in their logical shapes, batch first."""
    w = Writer()
    at = Lowering(w, program, TARGETS[target])
    _feed_input(at)
    op = program.ops[program.output]
    name = _elements(at, program.output)
    w.output(w.cast(name, DTYPE[op.quant.code]), OUTPUT, DTYPE[op.quant.code], op.shape)
    return w.model()


def trace(program: ir.Program) -> bytes:
    """Input elements -> the elements of every node, ``node0`` first, as they are stored."""
    w = Writer()
    at = Lowering(w, program, TRACE)
    _feed_input(at)
    for index in range(len(program.ops)):
        _stored_output(at, index)
    return w.model()


def probe(program: ir.Program) -> tuple[bytes, list[int]]:
    """One small piece for each different node, and which nodes they are.

    Piece ``j`` reads ``node{j}.{name}`` for each operand that is no constant and makes ``node{j}``;
    all are whole stored tensors.
    """
    w = Writer()
    chosen = distinct(program)
    for index in chosen:
        at = Lowering(w, program, TRACE)
        for value in program.ops[index].operands:
            _feed_operand(at, index, value)
        _stored_output(at, index)
    return w.model(), chosen


def distinct(program: ir.Program) -> list[int]:
    """The first of each kind of node: same operation, shapes, element types and views."""
    seen: dict[Any, int] = {}
    for index, op in enumerate(program.ops):
        seen.setdefault(signature(op), index)
    return sorted(seen.values())


def signature(op: ir.Op) -> tuple[Any, ...]:
    """What makes two operations run the same code on different numbers."""
    parts: list[Any] = [type(op).__name__, op.shape, op.order, op.quant.code]
    for value in op.operands:
        parts += [value.kind, value.view.shape, value.view.strides, value.quant.code]
    for name, value in sorted(vars(op).items()):
        if name not in {"name", "quant", *op.reads} and isinstance(value, (int, str, tuple)):
            parts.append((name, value))
    return tuple(parts)


def _feed_input(at: Lowering) -> None:
    x = at.program.input
    name = at.w.input(INPUT, DTYPE[x.quant.code], x.shape)
    at.feed(Kind.INPUT, 0, _carry(at.w, name, x.quant, x.quant.zero))


def _carry(w: Writer, name: str, quant: ir.Quant, offset: int) -> str:
    """Raw elements as they travel; those outside of ``lo`` to ``hi`` are the caller's business."""
    dtype = carried(quant, offset)
    if quant.code == Code.U8 and offset:
        return w("DequantizeLinear", name, w.number(1), w.number(offset, np.uint8))
    name = w.cast(name, dtype)
    return w("Sub", name, w.number(offset, dtype)) if offset else name


def _elements(at: Lowering, index: int) -> str:
    op, offset = at.program.ops[index], at.leave(index).offset
    name = at.read(_whole(at.program, index))
    if offset:
        name = at.w("Add", name, at.w.number(offset, carried(op.quant, offset)))
    return name


def _whole(program: ir.Program, index: int) -> Value:
    op = program.ops[index]
    return Value(Kind.TRACE, index, View.stored(op.shape, op.order), op.quant)


def _stored_output(at: Lowering, index: int) -> None:
    op = at.program.ops[index]
    name = at.w.cast(_elements(at, index), DTYPE[op.quant.code])
    if op.order != tuple(range(len(op.shape))):
        name = at.w("Transpose", name, perm=[0, *(axis + 1 for axis in op.order)])
    at.w.output(name, f"node{index}", DTYPE[op.quant.code], stored_shape(op))


def stored_shape(op: ir.Op) -> Shape:
    return tuple(op.shape[axis] for axis in op.order)


def _feed_operand(at: Lowering, index: int, value: Value) -> None:
    """The stored tensor that an operand views, as an input of its own."""
    w, program = at.w, at.program
    if (value.kind, value.index) in at.fed:
        return
    if value.kind == Kind.INPUT:
        name = w.input(f"node{index}.input", DTYPE[value.quant.code], program.input.shape)
        quant = program.input.quant
        at.feed(Kind.INPUT, 0, _carry(w, name, quant, quant.zero))
    elif value.kind == Kind.TRACE:
        op = program.ops[value.index]
        name = f"node{index}.node{value.index}"
        name = w.input(name, DTYPE[op.quant.code], stored_shape(op))
        if op.order != tuple(range(len(op.shape))):
            name = w("Transpose", name, perm=[0, *(int(i) + 1 for i in np.argsort(op.order))])
        at.feed(Kind.TRACE, value.index, _carry(w, name, op.quant, at.leave(value.index).offset))
