# SPDX-License-Identifier: Apache-2.0
"""Programs that somebody made to accept what is false, from an honest one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from py_ecc.optimized_bn128 import FQ, add, multiply, normalize

from tests.zkml.verifier.shapes import SHAPES, Change
from verifiers.zkml.field import DELTA, G1, INFINITY, Point, Q, R, inverse
from verifiers.zkml.formula import challenges, combined
from verifiers.zkml.program import REGISTERS, SIZE, Header, Kind, Op, Program

Jacobian = tuple[FQ, FQ, FQ]


def crafted(program: Program, srs: list[Point], count: int) -> Iterator[tuple[str, bytes]]:
    """By what is wrong with each; every kind at least once."""
    draw, kinds = Random(count), changes(srs)
    names = list(kinds)
    for i in range(count):
        name = names[i % len(names)]
        changed = kinds[name](draw, program)
        if changed != program:
            yield name, changed.code()


def changes(srs: list[Point]) -> dict[str, Change]:
    own = {"points of the setup": _from_setup(srs), "always true": _always_true(srs)}
    return {**CHANGES, **SHAPES, **own}


def at_random(program: Program, count: int) -> Iterator[bytes]:
    """Half of them words of noise, half the honest program with some words of noise."""
    draw, honest = Random(count), program.code()
    for i in range(count):
        code = bytearray(honest)
        if i % 2:
            for _ in range(draw.randrange(1, 8)):
                at = 65 + 32 * draw.randrange(len(program.words()))
                code[at : at + 32] = draw.randbytes(32)
        else:
            code[1:] = draw.randbytes(SIZE)
            head = replace(program.header, k=draw.randrange(30), lookups=draw.randrange(8))
            code[1:65] = honest[1:65]
            code[65:97] = head.word().to_bytes(32, "big")
        yield bytes(code)


def _header(**changes: int) -> Change:
    return lambda _, program: replace(program, header=replace(program.header, **changes))


def _any_byte_of_header(draw: Random, program: Program) -> Program:
    names = list(Header.__dataclass_fields__)
    name = draw.choice(names)
    value = (getattr(program.header, name) + draw.choice((1, -1, 2, 7, 255))) % 256
    return _header(**{name: value})(draw, program)


def _unread_instances(draw: Random, program: Program) -> Program:
    """The instances' cells are permuted with something that is always zero."""
    return replace(program, columns=tuple(0 if at == 2 else at for at in program.columns))


def _unwritten_registers(draw: Random, program: Program) -> Program:
    at = draw.randrange(len(program.ops))
    op = replace(program.ops[at], c=draw.randrange(REGISTERS, 1024))
    return replace(program, ops=(*program.ops[:at], op, *program.ops[at + 1 :]))


def _registers_of_later(draw: Random, program: Program) -> Program:
    """Zero on chain, where results are not written yet."""
    op = replace(program.ops[0], a=program.header.first_result + draw.randrange(5))
    return replace(program, ops=(op, *program.ops[1:]))


def _no_gates(draw: Random, program: Program) -> Program:
    header = replace(program.header, op_words=0)
    return replace(program, header=header, ops=())


def _empty_gates(draw: Random, program: Program) -> Program:
    """Every constraint is zero times something."""
    ops = [Op(op.kind, 0, 1, 1) if op.kind & Kind.GATE_SUB else op for op in program.ops]
    return replace(program, ops=tuple(ops))


def _other_constant(draw: Random, program: Program) -> Program:
    constants = list(program.constants)
    constants[draw.randrange(len(constants))] = draw.choice((0, 2, R - 1, R, R + 1, 2**256 - 1))
    return replace(program, constants=tuple(constants))


def _other_digest(draw: Random, program: Program) -> Program:
    return replace(program, digest=draw.randrange(2**256))


def _evaluation_never_opened(draw: Random, program: Program) -> Program:
    """A claimed value of advice that no commitment answers for."""
    opening = program.openings[-1]
    twice = replace(opening, evals=program.openings[0].evals)
    return replace(program, openings=(*program.openings[:-1], twice))


def _opening_of_another_column(draw: Random, program: Program) -> Program:
    first, *rest = program.openings
    return replace(program, openings=(replace(first, column=draw.randrange(256)), *rest))


def _opening_on_no_set(draw: Random, program: Program) -> Program:
    first, *rest = program.openings
    number = draw.randrange(len(program.sets), 256)
    return replace(program, openings=(replace(first, number=number), *rest))


def _other_sets(draw: Random, program: Program) -> Program:
    sets = list(program.sets)
    sets[draw.randrange(len(sets))] = draw.choice((0, 1, 3, 4, 8, 11, 16, 255))
    return replace(program, sets=tuple(sets))


def _lookups_of_themselves(draw: Random, program: Program) -> Program:
    """Each value is looked up in a table that is the value."""
    lookups = [replace(lookup, inputs=(lookup.table,)) for lookup in program.lookups]
    return replace(program, lookups=tuple(lookups))


def _points_off_the_curve(draw: Random, program: Program) -> Program:
    return replace(program, sigmas=((1, 3), *program.sigmas[1:]))


def _infinity_everywhere(draw: Random, program: Program) -> Program:
    nothing = (INFINITY,)
    return replace(
        program, fixed=nothing * len(program.fixed), sigmas=nothing * len(program.sigmas)
    )


def _from_setup(srs: list[Point]) -> Change:
    """Columns that are what the attacker likes: the setup's points commit to powers of x."""

    def change(draw: Random, program: Program) -> Program:
        if draw.random() < 0.5:
            return replace(program, fixed=tuple(draw.choice(srs) for _ in program.fixed))
        return replace(program, sigmas=tuple(draw.choice(srs) for _ in program.sigmas))

    return change


def _always_true(srs: list[Point]) -> Change:
    """Values looked up in themselves, cells permuted with themselves: a circuit that says nothing.

    Its permutation's columns are delta**i * x, multiples of the setup's [tau].
    """

    def change(draw: Random, program: Program) -> Program:
        powers = [pow(DELTA, i, R) for i in range(len(program.sigmas))]
        sigmas = tuple(_times(srs[1], power) for power in powers)
        empty = _lookups_of_themselves(draw, _empty_gates(draw, program))
        digest = draw.randrange(2**256)
        return replace(empty, sigmas=sigmas, digest=digest)

    return change


def solved_for(
    program: Program, proof: bytes, instances: list[int], srs: list[Point]
) -> tuple[Program, bytes]:
    """A program and a proof that it accepts, whatever the instances, made by one author together.

    No challenge depends on the program's points, so one of them can be solved for, with the last
    point of the proof the generator and so the other side of the pairing [tau].
    """
    words = [int.from_bytes(proof[at : at + 32], "big") for at in range(0, len(proof), 32)]
    words[-2:] = G1
    wanted = program.fixed[0]
    factors = combined(program, words, instances, challenges(program, words, instances))
    rest = [
        (words[key], words[key + 1], factor) if isinstance(key, int) else (*key, factor)
        for key, factor in factors.items()
        if key != wanted
    ]
    total = multiply(_on_curve(srs[1]), 1)
    for x, y, factor in rest:
        total = add(total, multiply(_on_curve((x, y)), R - factor))
    point = _affine(multiply(total, inverse(factors[wanted])))
    fixed = tuple(point if one == wanted else one for one in program.fixed)
    return replace(program, fixed=fixed), b"".join(word.to_bytes(32, "big") for word in words)


def _times(point: Point, by: int) -> Point:
    return _affine(multiply(_on_curve(point), by))


def _on_curve(point: Point) -> Jacobian:
    x, y = point
    return FQ(x), FQ(y), FQ(1)


def _affine(point: Jacobian) -> Point:
    x, y = normalize(point)
    return x.n, y.n


def of_setup(path: Path, count: int) -> list[Point]:
    """A setup's first points, powers of tau; its file has Montgomery's form, little-endian."""
    raw, factor = path.read_bytes()[4:], pow(2**256, -1, Q)
    words = [int.from_bytes(raw[at : at + 32], "little") for at in range(0, 64 * count, 32)]
    parts = [word * factor % Q for word in words]
    return list(zip(parts[::2], parts[1::2], strict=True))


CHANGES: dict[str, Change] = {
    "unread instances": _unread_instances,
    "fewer instances": lambda draw, p: _header(instances=p.header.instances - 1)(draw, p),
    "no instances": _header(instances=0),
    "another domain": lambda draw, p: _header(k=draw.choice((0, 1, 9, 28, 29, 255)))(draw, p),
    "no last row": _header(last=0),
    "another last row": lambda draw, p: _header(last=draw.choice((5, 16, 17, 255)))(draw, p),
    "no quotients": _header(quotients=0),
    "no lookups": _header(lookups=0),
    "no chunk": _header(chunk=0),
    "a byte of the header": _any_byte_of_header,
    "registers that aren't there": _unwritten_registers,
    "registers of later results": _registers_of_later,
    "no gates": _no_gates,
    "empty gates": _empty_gates,
    "another constant": _other_constant,
    "another digest": _other_digest,
    "an evaluation never opened": _evaluation_never_opened,
    "an opening of another column": _opening_of_another_column,
    "an opening on no set": _opening_on_no_set,
    "other sets": _other_sets,
    "lookups of themselves": _lookups_of_themselves,
    "points off the curve": _points_off_the_curve,
    "infinity everywhere": _infinity_everywhere,
}
