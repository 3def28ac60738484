# SPDX-License-Identifier: Apache-2.0
"""Programs of the Halo2 verifier as data, words and code: docs/zk-program.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import islice

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from verifiers.zkml.errors import ProgramError
from verifiers.zkml.field import INFINITY, Point, R, on_curve

VERSION = 2
SIZE = 4096
MAX_WORDS = SIZE // 32 - 2
FIRST_EVAL = 3  # registers: zero, theta, the instances' polynomial
REGISTERS = 384
HEAD_WORDS = 3
MAX_SETS = 8
MAX_LAST = 16
MAX_INSTANCES = 128
MAX_PROOF_WORDS = 256
MAX_INPUTS = 15


class Kind(IntEnum):
    """What an operation makes of registers a, b and c: a new register, or one more constraint."""

    MUL_SUB = 0  # a * (b - c)
    MUL_ADD = 1  # a * b + c
    GATE_SUB = 2
    GATE_ADD = 3


@dataclass(frozen=True)
class Op:
    kind: Kind
    a: int
    b: int
    c: int


class Rotation(IntEnum):
    """Rows at which a column is opened: bits of a set."""

    HERE = 1
    NEXT = 2
    BEFORE = 4
    LAST = 8


# The sets that the fixed arguments need: sums and the last product, the other products.
HERE = Rotation.HERE
NEXT = Rotation.HERE | Rotation.NEXT
FULL = Rotation.HERE | Rotation.NEXT | Rotation.LAST


@dataclass(frozen=True)
class Opening:
    """An advice column: its set, and the number of its evaluation at each rotation of the set."""

    column: int
    number: int
    evals: tuple[int, int, int, int]  # by slot, 0 at those that the set lacks


@dataclass(frozen=True)
class Lookup:
    """Registers of a table's expression and of what is looked up in it."""

    table: int
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Header:
    """Bytes of the first word, from the lowest: counts, then the numbers of three sets."""

    version: int
    k: int
    last: int
    instances: int
    advice: int
    advice_evals: int
    fixed: int
    sigmas: int
    chunk: int
    lookups: int
    quotients: int
    constants: int
    op_words: int
    sets: int
    here: int
    full: int
    next: int

    @property
    def products(self) -> int:
        return -(-self.sigmas // self.chunk)

    @property
    def heads(self) -> int:
        """Points of a proof before the evaluations."""
        return self.advice + 2 * self.lookups + self.products + 1 + self.quotients

    @property
    def evals(self) -> int:
        argument = 3 * (self.products + self.lookups)
        return self.advice_evals + self.fixed + self.sigmas + argument

    @property
    def proof_words(self) -> int:
        return 2 * self.heads + self.evals + 4

    @property
    def first_constant(self) -> int:
        """Behind the evaluations that programs can read: advice, fixed columns."""
        return FIRST_EVAL + self.advice_evals + self.fixed

    @property
    def first_result(self) -> int:
        return self.first_constant + self.constants

    def word(self) -> int:
        return sum(getattr(self, field.name) << 8 * i for i, field in enumerate(fields(self)))


@dataclass(frozen=True)
class Program:
    """A circuit. ``sets`` are unions of Rotation; points may be infinity, which commits to zero."""

    header: Header
    digest: int
    sets: tuple[int, ...]
    openings: tuple[Opening, ...]
    columns: tuple[int, ...]  # registers, in the order of the permutation's columns
    lookups: tuple[Lookup, ...]
    constants: tuple[int, ...]
    ops: tuple[Op, ...]
    fixed: tuple[Point, ...]
    sigmas: tuple[Point, ...]

    def words(self) -> list[int]:
        return [
            self.header.word(),
            self.digest,
            sum(mask << 8 * i for i, mask in enumerate(self.sets)),
            *_pack([_opening_bits(opening) for opening in self.openings], 64),
            *_pack(self.columns, 16),
            *(_lookup_word(lookup) for lookup in self.lookups),
            *self.constants,
            *_pack([_op_bits(op) for op in self.ops], 32),
            *(part for point in self.fixed + self.sigmas for part in point),
        ]

    def code(self) -> bytes:
        """The data contract's runtime code. Raises ProgramError when it is too large."""
        words = self.words()
        if len(words) > MAX_WORDS:
            raise ProgramError(f"{len(words)} words, {MAX_WORDS} fit")
        return b"\0" + encode(["uint256[]"], [words]).ljust(SIZE, b"\0")

    def code_hash(self) -> bytes:
        return keccak(self.code())


def parse(code: bytes) -> Program:
    """A program from its code, the exact one that encodes to it. Raises ProgramError."""
    if len(code) - 1 != SIZE or code[:1] != b"\0":
        raise ProgramError(f"{len(code)} bytes are no program")
    try:
        (words,) = decode(["uint256[]"], code[1:])
    except DecodingError as wrong:
        raise ProgramError(f"no array of words: {wrong}") from None
    try:
        program = _read(list(words))
    except (IndexError, ValueError) as wrong:
        raise ProgramError(f"words that no program has: {wrong}") from None
    if program.code() != code:
        raise ProgramError("the same program has another encoding")
    return program


def _read(words: list[int]) -> Program:
    """Raises IndexError, ValueError."""
    names = [field.name for field in fields(Header)]
    header = Header(**{name: words[0] >> 8 * i & 255 for i, name in enumerate(names)})
    if header.version != VERSION:
        raise ValueError(f"version {header.version}, not {VERSION}: make the circuit again")
    if not header.chunk:
        raise ValueError("a permutation without columns")
    rest = iter(words[HEAD_WORDS:])
    sets = tuple(words[2] >> 8 * i & 255 for i in range(header.sets))
    opened = _unpack(_take(rest, header.advice, 4), 64, header.advice)
    columns = _unpack(_take(rest, header.sigmas, 16), 16, header.sigmas)
    lookups = [_lookup(word) for word in _take(rest, header.lookups)]
    constants = _take(rest, header.constants)
    ops = [_op(bits) for bits in _unpack(_take(rest, header.op_words), 32) if bits]
    points = _take(rest, 2 * (header.fixed + header.sigmas))
    if next(rest, None) is not None:
        raise ValueError("more words than the header says")
    pairs = list(zip(points[::2], points[1::2], strict=True))
    if not all(pair == INFINITY or on_curve(pair) for pair in pairs):
        raise ValueError("a point off the curve")
    if any(constant >= R for constant in constants):
        raise ValueError("a constant out of range")
    return Program(
        header,
        words[1],
        sets,
        tuple(_opening(bits) for bits in opened),
        tuple(columns),
        tuple(lookups),
        tuple(constants),
        tuple(ops),
        tuple(pairs[: header.fixed]),
        tuple(pairs[header.fixed :]),
    )


def _take(words: Iterator[int], count: int, per_word: int = 1) -> list[int]:
    """Raises IndexError."""
    wanted = -(-count // per_word)
    taken = list(islice(words, wanted))
    if len(taken) != wanted:
        raise IndexError("too few words")
    return taken


def _pack(values: list[int] | tuple[int, ...], bits: int) -> list[int]:
    per_word = 256 // bits
    groups = [values[i : i + per_word] for i in range(0, len(values), per_word)]
    return [sum(value << bits * i for i, value in enumerate(group)) for group in groups]


def _unpack(words: list[int], bits: int, count: int | None = None) -> list[int]:
    mask = (1 << bits) - 1
    return [word >> shift & mask for word in words for shift in range(0, 256, bits)][:count]


def slots(mask: int) -> list[int]:
    """Of a set's rotations."""
    return [slot for slot in range(4) if mask >> slot & 1]


def _opening_bits(opening: Opening) -> int:
    places = sum(which << 16 + 8 * slot for slot, which in enumerate(opening.evals))
    return opening.column | opening.number << 8 | places


def _opening(bits: int) -> Opening:
    a, b, c, d = (bits >> shift & 255 for shift in (16, 24, 32, 40))
    return Opening(bits & 255, bits >> 8 & 255, (a, b, c, d))


def _lookup_word(lookup: Lookup) -> int:
    return sum(register << 16 * i for i, register in enumerate((lookup.table, *lookup.inputs)))


def _lookup(word: int) -> Lookup:
    table, *inputs = _unpack([word], 16)
    while inputs and not inputs[-1]:
        inputs.pop()
    return Lookup(table, tuple(inputs))


def _op_bits(op: Op) -> int:
    return op.a | op.b << 10 | op.c << 20 | op.kind << 30


def _op(bits: int) -> Op:
    return Op(Kind(bits >> 30), bits & 1023, bits >> 10 & 1023, bits >> 20 & 1023)
