# SPDX-License-Identifier: Apache-2.0
"""Random elements of random nodes, for runs of many thousands: from a seed, no shrinking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from verifiers.opml import runs, total
from verifiers.opml.merkle import Tensor
from verifiers.opml.openings import Execution
from verifiers.opml.program import DESCRIPTOR_BYTES, Axis, Code, Kind, Node, Op, Operand
from verifiers.opml.runs import Side

# Around the ends of leaves and of records.
SIZES = [0, 1, 7, 15, 16, 255, 256, 257, 300, 511, 512, 700, 1024, 1500, 2100, 3000]
BYTES = [b"\x00", b"\xff", b"\x80", b"\x7f"]


@dataclass(frozen=True)
class Case:
    """Element ``e`` of node ``j`` of an execution."""

    execution: Execution
    j: int
    e: int

    @property
    def node(self) -> Node:
        return self.execution.nodes[self.j]

    @property
    def expected(self) -> int:
        return self.execution.element(self.j, self.e)


def number(rng: Random, bits: int) -> int:
    """Of a signed field: small, an edge, or anything."""
    half = 1 << (bits - 1)
    edges = [-half, 1 - half, -1, 0, 1, half - 1]
    return rng.choice([rng.randint(-20, 300), rng.choice(edges), rng.randrange(-half, half)])


def tensor(rng: Random, calm: bool) -> Tensor:
    size = rng.choice(SIZES[8:] if calm else SIZES)
    if rng.random() < 0.15:
        return Tensor(rng.choice(BYTES) * size)
    return Tensor(rng.randbytes(size))


def axis(rng: Random, calm: bool) -> Axis:
    if rng.random() < 0.5:
        return Axis()
    last = rng.randint(0, 20)
    if calm:
        return Axis(rng.randrange(2), rng.randrange(2), 0, last + 6, rng.choice([0, 1, 3, 16, 64]))
    near = rng.choice([0, 1, 1, 2]), rng.choice([0, 0, 1, -1]), rng.choice([0, 0, 0, 1, -1])
    return Axis(*near, last=last, stride=rng.choice([0, 1, 1, 3, 16, 64, -1]))


def operand(rng: Random, j: int, most: int, calm: bool) -> Operand:
    """Calm: a tensor before node ``j``, read near its beginning. Else anything may be wrong."""
    axes = axis(rng, calm), axis(rng, calm), axis(rng, calm), axis(rng, calm)
    code = rng.choice([0, 0, 0, 1, 2, 3])
    base = rng.choice([0, rng.randrange(60), rng.randrange(600)])
    if calm:
        kind, index = rng.choice([1, 2, 3, 3] if j else [1, 2]), rng.randrange(max(j, 1))
        return Operand(kind, code, index, rng.randint(0, 255), base, axes)
    kind, index = rng.choice([0, 1, 2, 3, 3, 4, 131, 255]), rng.randint(0, most)
    code = rng.choice([code, rng.randrange(256)])
    return Operand(kind, code, index, number(rng, 32), rng.choice([base, -1]), axes)


def node(rng: Random, opcode: int, j: int, most: int, calm: bool) -> Node:
    """A node whose operands are calm or not; its numbers are anything in either case."""
    a = operand(rng, j, most, calm)
    if calm and opcode in (Op.LUT, Op.GATHER):
        a = replace(a, code=Code.U8, zero=rng.choice([0, 0, 5]))
    lanes = rng.choice([1, 3, 16, 31, 32, 33, 64, rng.randint(1, 256), rng.randint(0, 700)])
    lo, hi = sorted((number(rng, 64), number(rng, 64)))
    if rng.random() < 0.1:
        lo, hi = hi, lo
    return Node(
        opcode=opcode,
        out_code=rng.randrange(4) if rng.random() < 0.95 else rng.randrange(256),
        param_mode=rng.choice([0, 1, 1, 2]),
        shift=rng.choice([0, 1, 7, 20, 63, 64, 255, rng.randrange(256)]),
        lanes=lanes,
        zo=number(rng, 32),
        lo=lo,
        hi=hi,
        shape=_sizes(rng, [0, 1, 1, 2, 3, 5]) + _sizes(rng, [1, 2, 4]),
        taps=(rng.choice([0, 1, 2, 3]), *_sizes(rng, [0, 1, 1, 2])),
        m=number(rng, 64),
        bias=number(rng, 64),
        ma=number(rng, 64),
        mb=number(rng, 64),
        rows=rng.choice([0, 1, 16, 255, 256, 256, 256, 2**48 - 1]),
        param_base=rng.choice([0, 0, 1, 15, 40, 2**48 - 1]),
        gstride=rng.choice([0, 1, 1, 1, 4, 16, -1, 2**47 - 1]),
        a=a,
        b=operand(rng, j, most, calm),
    )


def _sizes(rng: Random, choices: list[int]) -> tuple[int, int]:
    return rng.choice(choices), rng.choice(choices)


def spoilt(rng: Random, plain: Node) -> Node:
    """The node with a few bytes of its descriptor overwritten, but for the opcode."""
    data = bytearray(plain.encode())
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(DESCRIPTOR_BYTES)] = rng.randrange(256)
    data[31] = plain.opcode
    return Node.decode(bytes(data))


def hostile(rng: Random) -> Node:
    """Random bytes, sometimes with tensors that are there."""
    data = bytearray(rng.randbytes(DESCRIPTOR_BYTES))
    if rng.random() < 0.8:
        data[31] = rng.randrange(13)
    for word in (4, 9):
        if rng.random() < 0.8:
            data[32 * word + 28 : 32 * word + 32] = bytes(
                [0, 0, rng.randrange(4), rng.randrange(4)]
            )
            data[32 * word + 24 : 32 * word + 28] = bytes(4)
    return Node.decode(bytes(data))


def execution(rng: Random, j: int, subject: Node, after: int, calm: bool) -> Execution:
    """Node ``j`` is ``subject``, among others that compute nothing."""
    nodes = [Node(0)] * j + [subject] + [Node(0)] * after
    given, weights, *outputs = (tensor(rng, calm) for _ in range(len(nodes) + 2))
    return Execution(nodes, given, weights, outputs)


def element(rng: Random, subject: Node) -> int:
    """An index into the output: the ends, its beginning, anywhere."""
    last = (subject.byte_len >> (subject.out_code & 3)) - 1
    return rng.choice([0, last, rng.randint(0, min(last, 40)), rng.randint(0, last)])


def case(rng: Random, opcode: int) -> Case:
    """Any element of any node with this opcode."""
    j, after, calm = rng.randint(0, 5), rng.randint(0, 4), rng.random() < 0.7
    subject = node(rng, opcode, j, j + after, calm)
    if rng.random() < 0.2:
        subject = spoilt(rng, subject)
    return Case(execution(rng, j, subject, after, calm), j, element(rng, subject))


def hostile_case(rng: Random) -> Case:
    j, after = rng.randint(0, 5), rng.randint(0, 4)
    subject = hostile(rng)
    return Case(execution(rng, j, subject, after, True), j, element(rng, subject))


def reading_case(rng: Random, opcode: int) -> Case:
    """A case whose first block really reads whatever the operator can read."""
    while True:
        found = case(rng, opcode)
        if all(is_read(found, side) for side in sides(opcode)) and reads_record(found):
            return found


def sides(opcode: int) -> tuple[Side, ...]:
    """The operands that an operator reads, when both are present."""
    if opcode in (Op.SUM, Op.MAX, Op.ARGMAX, Op.SQRT, Op.MOVE):
        return (Side.A,)
    return (Side.A, Side.B) if Op.DOT <= opcode <= Op.MOVE else ()


def is_read(found: Case, side: Side) -> bool:
    """Whether the first block's run is present; a table's where it is finally read."""
    subject, j, reader = found.node, found.j, found.execution.reader
    operand, at = side.of(subject), runs.place(subject, found.e, 0)
    if not runs.exists(operand, j):
        return False
    offset: int | None = 0
    if side is Side.B and subject.opcode in (Op.LUT, Op.GATHER):
        offset = total.table_offset(subject, j, at, reader)
    size = len(reader(operand.kind, operand.index if operand.kind == Kind.TRACE else 0))
    return offset is not None and runs.run(subject, j, side, at, size, offset) is not None


def reads_record(found: Case) -> bool:
    """Whether the parameters come from the weights."""
    channel = runs.channel(found.node, found.e)
    return runs.record(found.node, channel, len(found.execution.weights.data)) is not None
