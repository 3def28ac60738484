# SPDX-License-Identifier: Apache-2.0
"""Whether a program is a circuit's: anyone can run this, and should before trusting a code hash.

``inspect`` needs only the code and refuses programs of a shape that no builder makes. ``check`` is
the whole answer: it derives the program again, and a single other bit is a refusal.
"""

from __future__ import annotations

from verifiers.zkml.builder import Built, build
from verifiers.zkml.errors import UncheckedProgramError
from verifiers.zkml.field import MAX_K
from verifiers.zkml.program import (
    FULL,
    HERE,
    MAX_INSTANCES,
    MAX_LAST,
    MAX_PROOF_WORDS,
    MAX_SETS,
    NEXT,
    REGISTERS,
    Header,
    Kind,
    Program,
    parse,
    slots,
)

INSTANCE = 2  # the register of the instances' polynomial


def check(code: bytes, source: str, neg_tau_g2: tuple[int, int, int, int]) -> Program:
    """Of the circuit whose verifier ezkl emitted as ``source``, under the setup of ``neg_tau_g2``.

    Raises UncheckedProgramError, and what ``build`` raises.
    """
    program = inspect(code)
    built: Built = build(source)
    if built.neg_tau_g2 != neg_tau_g2:
        raise UncheckedProgramError("the circuit was made with another setup")
    if built.program.code() != code:
        raise UncheckedProgramError("this is not the program of that circuit")
    return program


def inspect(code: bytes) -> Program:
    """Its parts fit together, and instances are read.

    Raises ProgramError, UncheckedProgramError.
    """
    program = parse(code)
    for complaint in (
        _header(program.header),
        _sets(program),
        _openings(program),
        _arguments(program),
        _operations(program),
    ):
        if complaint:
            raise UncheckedProgramError(complaint)
    return program


def _header(header: Header) -> str:
    if not 0 < header.k <= MAX_K or not 0 < header.last <= MAX_LAST:
        return "no domain has these rows"
    if not all((header.instances, header.advice, header.sigmas, header.quotients)):
        return "a circuit without instances, advice, a permutation or a quotient"
    if header.instances > min(MAX_INSTANCES, (1 << header.k) - header.last):
        return "more instances than rows"
    if header.proof_words > MAX_PROOF_WORDS:
        return "a proof that the verifier can't take"
    return ""


def _sets(program: Program) -> str:
    header, sets = program.header, program.sets
    if len(sets) > MAX_SETS or len(set(sets)) != len(sets) or not all(0 < one < 16 for one in sets):
        return "sets of openings that are not sets of rotations"
    wanted = [(header.here, HERE), (header.next, NEXT)]
    if header.products > 1:
        wanted.append((header.full, FULL))
    if any(number >= len(sets) or sets[number] != mask for number, mask in wanted):
        return "the fixed arguments are opened on other rows"
    return ""


def _openings(program: Program) -> str:
    """Each column once, each evaluation once."""
    columns = [opening.column for opening in program.openings]
    if sorted(columns) != list(range(program.header.advice)):
        return "an advice column that is opened never, or in two ways"
    if any(opening.number >= len(program.sets) for opening in program.openings):
        return "a column is opened on a set that isn't there"
    evals = [
        opening.evals[slot]
        for opening in program.openings
        for slot in slots(program.sets[opening.number])
    ]
    if sorted(evals) != list(range(program.header.advice_evals)):
        return "an evaluation of advice that is opened never, or twice"
    return ""


def _arguments(program: Program) -> str:
    """The permutation and the lookups read what is there; the instances are bound to cells."""
    header = program.header
    if not all(INSTANCE <= register < header.first_constant for register in program.columns):
        return "a permutation of what is no column"
    if INSTANCE not in program.columns:
        return "no cell is bound to the instances"
    if len(set(program.columns)) != len(program.columns):
        return "a column that is permuted twice"
    if not all(one.inputs and one.table not in one.inputs for one in program.lookups):
        return "a table that nothing else is looked up in"
    read = [register for one in program.lookups for register in (one.table, *one.inputs)]
    if any(register >= _registers(program) for register in read):
        return "a lookup of what was never computed"
    return ""


def _operations(program: Program) -> str:
    """Each reads what was computed before it."""
    known = program.header.first_result
    for op in program.ops:
        if max(op.a, op.b, op.c) >= known:
            return "an operation on what is not computed yet"
        known += not op.kind & Kind.GATE_SUB
    if known > REGISTERS:
        return "more registers than there are"
    if program.header.op_words != -(-len(program.ops) // 8):
        return "operations that stop before their words do"
    return ""


def _registers(program: Program) -> int:
    results = sum(not op.kind & Kind.GATE_SUB for op in program.ops)
    return program.header.first_result + results
