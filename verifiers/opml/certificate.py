# SPDX-License-Identifier: Apache-2.0
"""Certificates, section 6 of the OPML profile: that no lowering overflows on any input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod

import numpy as np

from verifiers.opml import exact, reads, reference
from verifiers.opml.bounds import Bounds, bounds_of, lanes_of
from verifiers.opml.errors import (
    BlocksError,
    OpcodeError,
    OverflowRefusedError,
    RecordError,
    TensorSizeError,
)
from verifiers.opml.interval import Interval
from verifiers.opml.program import MAX_BLOCKS, Node, Op
from verifiers.opml.reads import Known, Read
from verifiers.opml.runs import RECORD_BYTES

FLOAT32_LIMIT = 1 << 24
INT32_LIMIT = 1 << 31
FLOAT64_LIMIT = 1 << 52
# A program that needs more for one output is for machines that we don't know.
MOST_BYTES = 1 << 31


class Arithmetic(StrEnum):
    """The floats that are enough for a node."""

    F32 = "f32"
    F64 = "f64"


@dataclass(frozen=True)
class NodeCertificate:
    """What holds of a node for every input.

    ``magnitude``: every number on the way, in any order of additions, is at most this in absolute
    value. ``acc``: of the sums before multiplier and bias. ``output``: of the elements.
    """

    magnitude: int
    acc: int
    output: Interval

    @property
    def arithmetic(self) -> Arithmetic:
        return Arithmetic.F32 if self.magnitude < FLOAT32_LIMIT else Arithmetic.F64

    @property
    def fits_int32(self) -> bool:
        """Whether the sums can be made in int32."""
        return self.acc < INT32_LIMIT


@dataclass(frozen=True)
class Certificate:
    """One for each node, in order."""

    nodes: tuple[NodeCertificate, ...]


def certify(nodes: Sequence[Node], weights: bytes, input_bytes: int) -> Certificate:
    """Derive a program's certificate. Raises a CertificateError that names the first bad node."""
    known = Known(nodes, [], weights, input_bytes)
    found = []
    for j in range(len(nodes)):
        found.append(_certified(known, j))
        known.ranges.append(found[-1].output)
    return Certificate(tuple(found))


def _certified(known: Known, j: int) -> NodeCertificate:
    node = known.nodes[j]
    _check_shape(node, j)
    _check_records(node, j, known.weights)
    x = reads.first_read(known, j)
    y = reads.second_read(known, j, x)
    certificate = _finished(node, bounds_of(node, j, x, y, known.weights), x, y, known.weights)
    if certificate.magnitude >= FLOAT64_LIMIT:
        raise OverflowRefusedError(j, f"a number of {certificate.magnitude.bit_length()} bits")
    return certificate


def _check_shape(node: Node, j: int) -> None:
    if not Op.DOT <= node.opcode <= Op.MOVE:
        raise OpcodeError(j, f"opcode {node.opcode} computes nothing")
    if prod(node.dims) << (node.out_code & 3) > MOST_BYTES:
        raise TensorSizeError(j, f"an output of more than {MOST_BYTES} bytes")
    if not node.is_reduction:
        return
    blocks = node.blocks_per_tap * prod(max(size, 1) for size in node.taps)
    if blocks > MAX_BLOCKS or not lanes_of(node):
        raise BlocksError(j, f"{node.lanes} lanes, {blocks} blocks; {MAX_BLOCKS} are counted")


def _check_records(node: Node, j: int, weights: bytes) -> None:
    channels = node.dims[2] * node.dims[3]
    end = RECORD_BYTES * (node.param_base + channels)
    if node.param_mode == 1 and end > len(weights):
        raise RecordError(j, f"parameters up to byte {end} of {len(weights)}")


def _finished(node: Node, acc: Bounds, x: Read, y: Read, weights: bytes) -> NodeCertificate:
    """From the bounds on ``acc`` to those on the elements, by channel."""
    bias, m, shift = reference.parameters(node, weights)
    scaled = exact.total(exact.product(acc.reach, exact.absolute(m)), exact.absolute(bias))
    ends = [reference.finish(node, end, weights) for end in (acc.least, acc.greatest)]
    shifted = exact.peak(-scaled >> shift) + abs(node.zo)
    operands = [y] if node.opcode in reads.TABLES else [x, y]
    peaks = [interval.peak for read in operands for interval in (read.stored, read.centred)]
    return NodeCertificate(
        magnitude=max(exact.peak(scaled), exact.peak(acc.reach), shifted, *peaks),
        acc=exact.peak(acc.reach),
        output=Interval(
            min(int(np.min(end)) for end in ends), max(int(np.max(end)) for end in ends)
        ),
    )
