# SPDX-License-Identifier: Apache-2.0
"""A certificate bounds every number on the way to every element; what it refuses is named."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.opml.programs import Program, programs
from tests.opml.strategies import Memory, nodes, unhurried
from verifiers.opml import errors, reference, total
from verifiers.opml.certificate import Arithmetic, NodeCertificate, certify
from verifiers.opml.interval import Interval
from verifiers.opml.program import Axis, Code, Kind, Node, Op, Operand


def check_element(node: Node, j: int, e: int, memory: Memory, held: NodeCertificate) -> None:
    """What the semantics meet on the way to an element stays within the certificate."""
    values = [total.block_value(node, j, e, k, memory) for k in range(node.blocks)]
    acc = total.combine(node, values)
    bias, m, shift = total.parameters(node, e, memory.weights)
    met = [acc * m + bias, ((acc * m + bias) >> shift % 64) + node.zo, acc]
    if node.opcode in (Op.DOT, Op.SUM):
        met += values
    assert max(abs(number) for number in met) <= held.magnitude
    assert abs(acc) <= held.acc
    value = total.element(node, j, e, memory)
    assert held.output.least <= value <= held.output.greatest


@given(programs())
@settings(unhurried, max_examples=100)
def test_nothing_leaves_its_certificate(program: Program) -> None:
    weights = bytes(program.weights)
    try:
        certificate = certify(program.nodes, weights, len(program.given))
    except errors.CertificateError:
        return
    outputs = reference.execute(program.nodes, weights, program.given)
    for j, node in enumerate(program.nodes):
        memory = Memory(program.given, weights, outputs[:j])
        for e in range(node.byte_len >> node.out_code):
            check_element(node, j, e, memory, certificate.nodes[j])


@given(st.lists(nodes(), min_size=1, max_size=3), st.binary(max_size=200))
@settings(unhurried, max_examples=300)
def test_any_program_is_certified_or_refused(hostile: list[Node], weights: bytes) -> None:
    with suppress(errors.CertificateError):
        assert len(certify(hostile, weights, 100).nodes) == len(hostile)


ROW = Axis(omul=1, last=1, stride=4)
# Two outputs of four lanes each; the second constant row is larger.
WEIGHTS = bytes([0, 1, 2, 3, 250, 250, 250, 250])
DENSE = Node(
    Op.DOT,
    lanes=4,
    shape=(1, 1, 1, 2),
    out_code=Code.I32,
    lo=-(1 << 31),
    hi=(1 << 31) - 1,
    bias=10,
    a=Operand(Kind.INPUT, zero=55),
    b=Operand(Kind.WEIGHTS, zero=1, axes=(Axis(), Axis(), Axis(), ROW)),
)


def test_the_bounds_of_a_linear_node_come_from_its_weights_by_channel() -> None:
    held = certify([DENSE], WEIGHTS, 4).nodes[0]
    assert held.acc == 249 * 4 * 200
    assert held.magnitude == 249 * 4 * 200 + 10
    assert held.output == Interval(-55 * 996 + 10, 200 * 996 + 10)
    assert held.arithmetic is Arithmetic.F32
    assert held.fits_int32


def test_earlier_nodes_sharpen_the_bounds() -> None:
    clip = Node(Op.MOVE, shape=(1, 1, 1, 4), hi=3, a=Operand(Kind.INPUT))
    later = replace(DENSE, a=Operand(Kind.TRACE, index=0))
    assert certify([clip, later], WEIGHTS, 4).nodes[1].acc == 3 * 996


def test_numbers_from_2_to_the_24_on_need_float64() -> None:
    for magnitude, arithmetic in (((1 << 24) - 1, Arithmetic.F32), (1 << 24, Arithmetic.F64)):
        node = replace(DENSE, bias=magnitude - 199200)
        held = certify([node], WEIGHTS, 4).nodes[0]
        assert (held.magnitude, held.arithmetic) == (magnitude, arithmetic)


MOVE = Node(Op.MOVE, a=Operand(Kind.INPUT))


@pytest.mark.parametrize(
    ("node", "error", "words"),
    [
        (replace(DENSE, m=1 << 40), errors.OverflowRefusedError, "bits"),
        (replace(DENSE, bias=-(1 << 63)), errors.OverflowRefusedError, "64 bits"),
        (replace(DENSE, taps=(129, 1, 1)), errors.BlocksError, "129 blocks"),
        (replace(DENSE, lanes=0), errors.BlocksError, "0 lanes"),
        (replace(DENSE, b=Operand()), errors.ReferenceRefusedError, "operand b"),
        (replace(MOVE, a=Operand(Kind.TRACE, index=1)), errors.ReferenceRefusedError, "operand a"),
        (replace(MOVE, a=Operand(9)), errors.ReferenceRefusedError, "operand a"),
        (replace(DENSE, lanes=5), errors.AbsentRunError, "elements 0 to 4 of 4"),
        (replace(MOVE, a=Operand(Kind.INPUT, base=-1)), errors.AbsentRunError, "-1 to -1 of 4"),
        (replace(MOVE, opcode=Op.LUT), errors.AbsentRunError, "never read"),
        (
            replace(MOVE, opcode=Op.LUT, rows=9, b=Operand(Kind.WEIGHTS)),
            errors.AbsentRunError,
            "elements 0 to 8 of 8",
        ),
        (
            replace(MOVE, a=Operand(Kind.INPUT, axes=(Axis(off=1), Axis(), Axis(), Axis()))),
            errors.AbsentRunError,
            "nothing but padding",
        ),
        (
            Node(
                Op.MAX,
                lanes=1,
                shape=(1, 1, 1, 3),
                a=Operand(Kind.INPUT, axes=(Axis(), Axis(), Axis(), replace(ROW, stride=1))),
            ),
            errors.AbsentRunError,
            "only padding",
        ),
        (replace(MOVE, param_mode=1), errors.RecordError, "byte 16 of 8"),
        (replace(MOVE, opcode=12), errors.OpcodeError, "opcode 12"),
        (replace(MOVE, shape=(1 << 31, 2, 1, 1)), errors.TensorSizeError, "bytes"),
    ],
)
def test_a_refusal_names_the_node_and_the_reason(
    node: Node, error: type[errors.CertificateError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        certify([replace(MOVE, shape=(1, 1, 1, 1)), node], WEIGHTS, 4)
    assert caught.value.node == 1


def test_padding_is_no_reason_to_refuse() -> None:
    padded = Operand(Kind.INPUT, axes=(Axis(), Axis(), Axis(1, 1, -1, 3, 1), Axis()))
    node = Node(Op.DOT, lanes=1, taps=(1, 1, 3), shape=(1, 1, 4, 1), a=padded, b=Operand(2))
    assert certify([node], WEIGHTS, 4).nodes[0].acc == 0
    pool = replace(node, opcode=Op.MAX)
    assert certify([pool], WEIGHTS, 4).nodes[0].output == Interval(0, 255)
