# SPDX-License-Identifier: Apache-2.0
"""Programs whose registers, rows or sizes are the trick, from an honest one or from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from verifiers.zkml.field import G1
from verifiers.zkml.program import (
    FIRST_EVAL,
    HERE,
    MAX_INSTANCES,
    MAX_LAST,
    MAX_PROOF_WORDS,
    MAX_WORDS,
    NEXT,
    VERSION,
    Header,
    Kind,
    Lookup,
    Op,
    Opening,
    Program,
)

Change = Callable[[Random, Program], Program]
EVERY_ROW = 15


def late(header: Header) -> range:
    """Numbers that evaluations of late commitments would have, were registers given to all.

    The random polynomial, permutation products and sums are committed to when beta and gamma are
    known; an argument about them says nothing.
    """
    return range(header.first_constant, FIRST_EVAL + header.evals)


def column(register: int) -> Change:
    """The permutation's first column is another register."""
    return lambda _, program: replace(program, columns=(register, *program.columns[1:]))


def _late_column(draw: Random, program: Program) -> Program:
    return column(draw.choice(late(program.header)))(draw, program)


def _late_input(draw: Random, program: Program) -> Program:
    first, *rest = program.lookups
    looked_up = replace(first, inputs=(draw.choice(late(program.header)),))
    return replace(program, lookups=(looked_up, *rest))


def _late_table(draw: Random, program: Program) -> Program:
    first, *rest = program.lookups
    table = replace(first, table=draw.choice(late(program.header)))
    return replace(program, lookups=(table, *rest))


def _late_operand(draw: Random, program: Program) -> Program:
    """Of the last operation, which has the most results before it."""
    *before, last = program.ops
    operand = replace(last, b=draw.choice(late(program.header)))
    return replace(program, ops=(*before, operand))


def _column_twice(draw: Random, program: Program) -> Program:
    return column(program.columns[1])(draw, program)


def one_row_short(program: Program) -> Program:
    """The instances reach the row that ends the permutation, where nothing is asked of a cell."""
    return with_last(program, (1 << program.header.k) - program.header.instances + 1)


def with_last(program: Program, last: int) -> Program:
    return replace(program, header=replace(program.header, last=last))


def _rows_are_too_few(draw: Random, program: Program) -> Program:
    """Two instances share a row, which holds their sum."""
    rows = program.header.instances + program.header.last
    k = draw.randrange((rows - 1).bit_length())
    return replace(program, header=replace(program.header, k=k))


def with_constraint(program: Program, register: int) -> Program:
    """One more, the first of all: the register is zero. Ten free operations are needed at most."""
    ops = (Op(Kind.GATE_ADD, 0, 0, register), *program.ops)
    header = replace(program.header, op_words=-(-len(ops) // 8))
    return replace(program, header=header, ops=ops)


SHAPES: dict[str, Change] = {
    "a column of late evaluations": _late_column,
    "a lookup of late evaluations": _late_input,
    "a table of late evaluations": _late_table,
    "an operation on late evaluations": _late_operand,
    "a column of theta": column(1),
    "a column twice": _column_twice,
    "more instances than rows": _rows_are_too_few,
    "the first format": lambda _, p: replace(p, header=replace(p.header, version=1)),
}


def heaviest() -> Iterator[tuple[Program, bytes]]:
    """Programs that fill contract and proof, with a proof of the right form.

    Every column is opened on four rows; what is left of the words are operations.
    """
    for lookups, fixed in ((0, 0), (0, 40), (8, 0), (30, 0)):
        yield _filled(lookups, fixed)


def _filled(lookups: int, fixed: int) -> tuple[Program, bytes]:
    # An argument of one column, one piece of the quotient, the last two points; the rest is advice.
    advice = (MAX_PROOF_WORDS - 15 - 7 * lookups - fixed) // 2
    words = MAX_WORDS - 3 - -(-advice // 4) - 1 - lookups - 2 * (fixed + 1)
    counts = (advice, 1, fixed, 1, 1, lookups, 1, 0, words)
    header = Header(VERSION, 28, MAX_LAST, MAX_INSTANCES, *counts, 3, 0, 0, 1)
    program = Program(
        header,
        0,
        (HERE, NEXT, EVERY_ROW),
        tuple(Opening(i, 2, (0, 0, 0, 0)) for i in range(advice)),
        (2,),
        (Lookup(1, (1,) * 15),) * lookups,
        (),
        (Op(Kind.GATE_ADD, 1, 2, 3),) * (8 * words),
        (G1,) * fixed,
        (G1,),
    )
    evals = [i + 1 for i in range(header.evals)]
    points = [*G1] * header.heads
    proof = b"".join(word.to_bytes(32, "big") for word in [*points, *evals, *G1, *G1])
    assert len(proof) == 32 * header.proof_words
    return program, proof
