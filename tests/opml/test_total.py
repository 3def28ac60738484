# SPDX-License-Identifier: Apache-2.0
"""The total semantics against plain arithmetic, and over descriptors that nobody would write."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.opml.strategies import Memory, Step, steps, unhurried
from verifiers.opml import total
from verifiers.opml.program import Axis, Code, Kind, Node, Op, Operand

WIDE = {"out_code": Code.I64, "lo": -(1 << 63), "hi": (1 << 63) - 1}
NOTHING = Axis()


def view(kind: int, *axes: Axis, **fields: int) -> Operand:
    """An operand with axes 0.. as given."""
    a0, a1, a2, a3 = (*axes, *[NOTHING] * (4 - len(axes)))
    return Operand(kind=kind, axes=(a0, a1, a2, a3), **fields)


def numbers(node: Node, memory: Memory) -> list[int]:
    """Node 0's output."""
    data = total.tensor(node, len(memory.trace), memory)
    letter = {0: "u1", 1: "<u2", 2: "<i4", 3: "<i8"}[node.out_code & 3]
    return [int(x) for x in np.frombuffer(data, letter)]


def along(size: int, stride: int = 1) -> Axis:
    """The axis that follows the output's own coordinate."""
    return Axis(omul=1, last=size - 1, stride=stride)


def random_bytes(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_a_matrix_product_over_several_blocks() -> None:
    rows, columns, lanes = 3, 4, 600
    x, w = random_bytes((rows, lanes), 1), random_bytes((columns, lanes), 2)
    node = Node(
        Op.DOT,
        lanes=lanes,
        shape=(1, 1, rows, columns),
        a=view(Kind.INPUT, NOTHING, NOTHING, along(rows, lanes), zero=7),
        b=view(Kind.WEIGHTS, NOTHING, NOTHING, NOTHING, along(columns, lanes), zero=128),
        **WIDE,
    )
    expected = (x.astype(np.int64) - 7) @ (w.astype(np.int64) - 128).T
    assert node.blocks == 3
    assert numbers(node, Memory(x.tobytes(), w.tobytes())) == expected.ravel().tolist()


def test_a_padded_convolution_skips_what_is_outside() -> None:
    length, channels, filters, kernel = 9, 3, 2, 3
    x, w = random_bytes((length, channels), 3), random_bytes((filters, kernel, channels), 4)
    node = Node(
        Op.DOT,
        lanes=channels,
        shape=(1, 1, length, filters),
        taps=(1, 1, kernel),
        a=view(Kind.INPUT, NOTHING, NOTHING, Axis(1, 1, -1, length - 1, channels), zero=100),
        b=view(
            Kind.WEIGHTS,
            NOTHING,
            NOTHING,
            Axis(0, 1, 0, kernel - 1, channels),
            along(filters, kernel * channels),
            zero=128,
        ),
        **WIDE,
    )
    padded = np.pad(x.astype(np.int64) - 100, ((1, 1), (0, 0)))
    patches = np.stack([padded[i : i + length] for i in range(kernel)], axis=1)
    expected = np.einsum("lkc,fkc->lf", patches, w.astype(np.int64) - 128)
    assert numbers(node, Memory(x.tobytes(), w.tobytes())) == expected.ravel().tolist()


def whole(opcode: int, lanes: int, code: int = Code.U8, **fields: int) -> Node:
    """A reduction of the input to one number."""
    return Node(opcode, lanes=lanes, a=view(Kind.INPUT, code=code, **fields), **WIDE)


def test_sum_max_and_argmax_of_signed_elements() -> None:
    values = np.random.default_rng(5).integers(-1000, 1000, 70, dtype=np.int32)
    memory = Memory(values.tobytes())
    assert numbers(whole(Op.SUM, 70, Code.I32, zero=-5), memory) == [int(values.sum()) + 350]
    assert numbers(whole(Op.MAX, 70, Code.I32, zero=3), memory) == [int(values.max()) - 3]
    assert numbers(whole(Op.ARGMAX, 70, Code.I32), memory) == [int(values.argmax())]


def test_argmax_gives_the_first_of_equals() -> None:
    data = bytes([1, 9, 3, *[9] * 60])
    assert numbers(whole(Op.ARGMAX, len(data)), Memory(data)) == [1]


@pytest.mark.parametrize(
    ("opcode", "acc"),
    [(Op.DOT, 0), (Op.SUM, 0), (Op.MAX, -(1 << 63)), (Op.ARGMAX, (1 << 32) - 1)],
)
def test_a_reduction_over_nothing(opcode: int, acc: int) -> None:
    assert numbers(whole(opcode, 0), Memory(b"abc")) == [acc]
    assert numbers(whole(opcode, 4), Memory(b"abc")) == [acc]


def test_blocks_after_the_limit_are_left_out() -> None:
    assert numbers(whole(Op.SUM, 32 * 130), Memory(b"\x01" * (32 * 130))) == [32 * 128]


def pair(opcode: int, x: int, y: int, **fields: int) -> int:
    """An elementwise operator on two signed numbers."""
    node = Node(
        opcode,
        a=view(Kind.INPUT, code=Code.I64),
        b=view(Kind.WEIGHTS, code=Code.I64),
        **{**WIDE, **fields},
    )
    return numbers(node, Memory(struct.pack("<q", x), struct.pack("<q", y)))[0]


@pytest.mark.parametrize(
    ("opcode", "x", "y", "fields", "acc"),
    [
        (Op.ADD, 3, 4, {"ma": 10, "mb": -1}, 26),
        (Op.MUL, -3, 4, {"ma": 10}, -12),
        (Op.DIV, 7, 2, {"ma": 1}, 4),
        (Op.DIV, -7, 2, {"ma": 1}, -3),
        (Op.DIV, -8, 3, {"ma": 1}, -3),
        (Op.DIV, 7, 0, {"ma": 1}, 0),
        (Op.DIV, 7, -2, {"ma": 1}, 0),
        (Op.SQRT, 99, 0, {}, 9),
        (Op.SQRT, -99, 0, {}, 0),
        (Op.MOVE, 5, 6, {"ma": 3, "mb": 9}, 15),
        (0, 5, 6, {"bias": 8}, 8),
        (255, 5, 6, {}, 0),
    ],
)
def test_elementwise(opcode: int, x: int, y: int, fields: dict[str, int], acc: int) -> None:
    assert pair(opcode, x, y, **fields) == acc


def test_an_absent_operand_of_an_elementwise_node_is_0_and_move_takes_the_other() -> None:
    b = view(Kind.WEIGHTS, zero=1)
    memory = Memory(b"", b"\x05")
    for opcode, acc in ((Op.ADD, 4), (Op.MUL, 0), (Op.DIV, 0), (Op.MOVE, 4), (Op.SQRT, 0)):
        assert numbers(Node(opcode, a=view(Kind.INPUT, zero=9), b=b, **WIDE), memory) == [acc]
    assert numbers(Node(Op.MOVE, a=b, b=view(9, zero=9), **WIDE), Memory()) == [0]


@pytest.mark.parametrize(
    ("opcode", "x", "rows", "found"),
    [
        (Op.LUT, 2, 4, 12),
        (Op.LUT, 9, 4, 13),
        (Op.LUT, 2, 0, 0),
        (Op.LUT, 9, 99, 0),
        (Op.GATHER, 1, 4, 12),
        (Op.GATHER, 4, 4, 0),
        (Op.GATHER, 3, 4, 0),
    ],
)
def test_tables(opcode: int, x: int, rows: int, found: int) -> None:
    node = Node(
        opcode, rows=rows, gstride=2, a=view(Kind.INPUT), b=view(Kind.WEIGHTS, zero=-1), **WIDE
    )
    assert numbers(node, Memory(bytes([x]), bytes([9, 10, 11, 12]))) == [found]


def test_a_lookup_of_nothing() -> None:
    table = view(Kind.WEIGHTS)
    memory = Memory(b"", b"\x05\x06")
    assert numbers(Node(Op.LUT, rows=2, b=table, **WIDE), memory) == [5]
    assert numbers(Node(Op.GATHER, rows=2, b=table, **WIDE), memory) == [0]


def test_finish_rounds_down_shifts_by_64_at_most_and_clips() -> None:
    node = Node(Op.DOT, **WIDE)
    assert total.finish(replace(node, shift=1), 0, -3, b"") == -2
    assert total.finish(replace(node, shift=65), 0, -3, b"") == -2
    assert total.finish(replace(node, zo=5, lo=0, hi=9), 0, 100, b"") == 9
    assert total.finish(replace(node, lo=9, hi=3), 0, 0, b"") == 3
    assert total.finish(replace(node, out_code=Code.U8), 0, 300, b"") == 255
    assert total.finish(replace(node, out_code=Code.I32), 0, -(1 << 40), b"") == -(1 << 31)
    assert total.finish(replace(node, m=1 << 62), 0, 1 << 62, b"") == (1 << 63) - 1


def test_parameters_come_from_the_record_of_the_channel_or_are_0() -> None:
    records = b"".join(struct.pack("<qiI", 100 * c, -c, 1 + (c << 6)) for c in range(4))
    node = Node(Op.ADD, param_mode=1, param_base=1, shape=(1, 5, 1, 3), **WIDE)
    assert [total.finish(node, e, 50, records) for e in range(6)] == [25, 50, 75] * 2
    short = records[:-1]
    assert total.finish(node, 2, 50, short) == 0


def test_references_to_later_nodes_read_nothing() -> None:
    node = Node(Op.MOVE, a=view(Kind.TRACE, index=1), b=view(Kind.INPUT), **WIDE)
    memory = Memory(b"\x07", b"", [b"\x01"])
    assert total.element(node, 1, 0, memory) == 7
    assert total.element(node, 2, 0, replace(memory, trace=[b"", b"\x09"])) == 9


@given(steps())
@unhurried
def test_every_element_of_every_descriptor_fits_its_code(step: Step) -> None:
    least, greatest = total.bounds(step.node.out_code)
    values = total.element(step.node, step.j, step.e, step.memory)
    assert least <= values <= greatest
    assert total.element(Node.decode(step.node.encode()), step.j, step.e, step.memory) == values


@given(steps(), st.integers(1, 1 << 50))
@unhurried
def test_elements_after_the_end_are_0(step: Step, beyond: int) -> None:
    count = step.node.byte_len >> (step.node.out_code & 3)
    assert total.element(step.node, step.j, count + beyond - 1, step.memory) == 0
