# SPDX-License-Identifier: Apache-2.0
"""Programs of the OPML profile: nodes, their descriptors, and the header that names a model.

Field names and layout: docs/opml-profile.md, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum

from offchain_workers.chain.hashing import keccak
from verifiers.opml import merkle, words
from verifiers.opml.words import Field

DESCRIPTOR_WORDS = 14
DESCRIPTOR_BYTES = DESCRIPTOR_WORDS * words.WORD_BYTES
MAX_NODES = 1 << 20
MAX_TENSOR_BYTES = 1 << 40
MAX_BLOCKS = 128
DOT_BLOCK = 256
BLOCK = 32
HEADER_VERSION = 1


class Op(IntEnum):
    """Opcodes; any other value is legal too, and computes 0."""

    DOT = 1
    SUM = 2
    MAX = 3
    ARGMAX = 4
    ADD = 5
    MUL = 6
    DIV = 7
    SQRT = 8
    LUT = 9
    GATHER = 10
    MOVE = 11


class Code(IntEnum):
    """Element codes; the width is ``2 ** code`` bytes."""

    U8 = 0
    U16 = 1
    I32 = 2
    I64 = 3


class Kind(IntEnum):
    """What an operand refers to."""

    NONE = 0
    INPUT = 1
    WEIGHTS = 2
    TRACE = 3


@dataclass(frozen=True)
class Axis:
    """``s = o * omul + t * tmul + off`` with ``0 <= s <= last``, ``s * stride`` elements on."""

    omul: int = 0
    tmul: int = 0
    off: int = 0
    last: int = 0
    stride: int = 0


@dataclass(frozen=True)
class Operand:
    """A view of a tensor; ``base`` and strides in elements."""

    kind: int = Kind.NONE
    code: int = Code.U8
    index: int = 0
    zero: int = 0
    base: int = 0
    axes: tuple[Axis, Axis, Axis, Axis] = (Axis(), Axis(), Axis(), Axis())


@dataclass(frozen=True)
class Node:
    """One node: every field of a descriptor under its name in the profile."""

    opcode: int
    out_code: int = Code.U8
    param_mode: int = 0
    shift: int = 0
    lanes: int = 0
    zo: int = 0
    lo: int = 0
    hi: int = 255
    shape: tuple[int, int, int, int] = (1, 1, 1, 1)
    taps: tuple[int, int, int] = (1, 1, 1)
    m: int = 1
    bias: int = 0
    ma: int = 1
    mb: int = 1
    rows: int = 0
    param_base: int = 0
    gstride: int = 0
    a: Operand = field(default_factory=Operand)
    b: Operand = field(default_factory=Operand)

    @property
    def dims(self) -> tuple[int, int, int, int]:
        """The output's shape; zeros count as 1."""
        o0, o1, o2, o3 = (max(size, 1) for size in self.shape)
        return o0, o1, o2, o3

    @property
    def byte_len(self) -> int:
        """Bytes of the output."""
        o0, o1, o2, o3 = self.dims
        return min(o0 * o1 * o2 * o3 << (self.out_code & 3), MAX_TENSOR_BYTES)

    @property
    def is_reduction(self) -> bool:
        return Op.DOT <= self.opcode <= Op.ARGMAX

    @property
    def block_lanes(self) -> int:
        return DOT_BLOCK if self.opcode == Op.DOT else BLOCK

    @property
    def blocks_per_tap(self) -> int:
        return max(1, -(-self.lanes // self.block_lanes))

    @property
    def blocks(self) -> int:
        """Blocks of one output element, at most MAX_BLOCKS; 1 when not a reduction."""
        t0, t1, t2 = (max(size, 1) for size in self.taps)
        return min(t0 * t1 * t2 * self.blocks_per_tap, MAX_BLOCKS) if self.is_reduction else 1

    def encode(self) -> bytes:
        """448 bytes. Raises ValueError when a number does not fit its field."""
        packed = [0] * DESCRIPTOR_WORDS
        for name, place in _NODE_FIELDS.items():
            place.put(packed, int(getattr(self, name)))
        for place, size in zip(_SHAPE_FIELDS, (*self.shape, *self.taps), strict=True):
            place.put(packed, size)
        for first, operand in ((4, self.a), (9, self.b)):
            for place, number in zip(
                _operand_fields(first), _operand_numbers(operand), strict=True
            ):
                place.put(packed, number)
        return words.to_bytes(packed)

    @classmethod
    def decode(cls, data: bytes) -> Node:
        """The node of any 448 bytes. Raises ValueError on another length."""
        if len(data) != DESCRIPTOR_BYTES:
            raise ValueError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
        packed = words.from_bytes(data)
        o0, o1, o2, o3, t0, t1, t2 = (place.get(packed) for place in _SHAPE_FIELDS)
        numbers = {name: place.get(packed) for name, place in _NODE_FIELDS.items()}
        a, b = (_operand([f.get(packed) for f in _operand_fields(first)]) for first in (4, 9))
        return cls(shape=(o0, o1, o2, o3), taps=(t0, t1, t2), a=a, b=b, **numbers)


_NODE_FIELDS = {
    "opcode": Field(0, 0, 8),
    "out_code": Field(0, 8, 8),
    "param_mode": Field(0, 16, 8),
    "shift": Field(0, 24, 8),
    "lanes": Field(0, 32, 32),
    "zo": Field(0, 64, 32, True),
    "lo": Field(0, 96, 64, True),
    "hi": Field(0, 160, 64, True),
    "m": Field(1, 176, 64, True),
    "bias": Field(2, 0, 64, True),
    "ma": Field(2, 64, 64, True),
    "mb": Field(2, 128, 64, True),
    "rows": Field(2, 192, 48),
    "param_base": Field(3, 0, 48),
    "gstride": Field(3, 48, 48, True),
}
_SHAPE_FIELDS = (
    *(Field(1, 32 * i, 32) for i in range(4)),
    *(Field(1, 128 + 16 * i, 16) for i in range(3)),
)


def _operand_fields(first: int) -> list[Field]:
    header = [
        Field(first, 0, 8),
        Field(first, 8, 8),
        Field(first, 16, 32),
        Field(first, 48, 32, True),
        Field(first, 80, 48, True),
    ]
    return header + [
        Field(first + axis, low, 48, low != 144)
        for axis in range(1, 5)
        for low in range(0, 240, 48)
    ]


def _operand_numbers(operand: Operand) -> list[int]:
    header = [operand.kind, operand.code, operand.index, operand.zero, operand.base]
    return header + [getattr(axis, f.name) for axis in operand.axes for f in fields(Axis)]


def _operand(numbers: list[int]) -> Operand:
    kind, code, index, zero, base = numbers[:5]
    a0, a1, a2, a3 = (Axis(*numbers[i : i + 5]) for i in range(5, 25, 5))
    return Operand(kind, code, index, zero, base, (a0, a1, a2, a3))


@dataclass(frozen=True)
class Header:
    """What an artifact id commits to. Sizes in bytes; window and clock in seconds."""

    program_root: bytes
    node_count: int
    output_node: int
    weights: bytes
    input_bytes: int
    output_bytes: int
    window: int
    clock: int

    def abi(self) -> tuple[int, bytes, int, int, bytes, int, int, int, int]:
        """As the contracts take it."""
        return (
            HEADER_VERSION,
            self.program_root,
            self.node_count,
            self.output_node,
            self.weights,
            self.input_bytes,
            self.output_bytes,
            self.window,
            self.clock,
        )

    def artifact_id(self) -> bytes:
        return keccak(
            b"".join(
                part if isinstance(part, bytes) else part.to_bytes(32, "big") for part in self.abi()
            )
        )


def program_tree(nodes: Sequence[Node]) -> merkle.Tree:
    """The tree over a program's descriptors. Raises ValueError for too few or too many nodes."""
    if not 1 <= len(nodes) <= MAX_NODES:
        raise ValueError(f"a program has 1 to {MAX_NODES} nodes, not {len(nodes)}")
    return merkle.Tree([keccak(b"\x03" + node.encode()) for node in nodes], merkle.ZERO)
