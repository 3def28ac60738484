# SPDX-License-Identifier: Apache-2.0
"""Descriptors and tensors for property tests: hostile ones that nevertheless read a lot."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from verifiers.opml.program import DESCRIPTOR_BYTES, Axis, Kind, Node, Op, Operand

# Time never decides a test.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Memory:
    """What a step may read: input, weights and the outputs of the nodes before."""

    given: bytes = b""
    weights: bytes = b""
    trace: list[bytes] = field(default_factory=list)

    def __call__(self, kind: int, index: int) -> bytes:
        if kind == Kind.TRACE:
            return self.trace[index]
        return self.given if kind == Kind.INPUT else self.weights


@dataclass(frozen=True)
class Step:
    """Element ``e`` of node ``j``; ``j`` is the number of tensors in the trace."""

    node: Node
    e: int
    memory: Memory

    @property
    def j(self) -> int:
        return len(self.memory.trace)


def signed(bits: int) -> st.SearchStrategy[int]:
    half = 1 << (bits - 1)
    return st.one_of(st.integers(-half, half - 1), st.sampled_from([-half, -1, 0, 1, half - 1]))


def axes() -> st.SearchStrategy[Axis]:
    """Nothing at all, or a short step along the output or the taps."""
    near = st.builds(
        Axis,
        omul=st.integers(0, 2),
        tmul=st.integers(0, 2),
        off=st.sampled_from([0, 0, 1, -1]),
        last=st.integers(4, 20),
        stride=st.integers(-2, 40),
    )
    return st.one_of(st.just(Axis()), st.just(Axis()), near)


def operands(most: int) -> st.SearchStrategy[Operand]:
    return st.builds(
        Operand,
        kind=st.sampled_from([1, 2, 3, 1, 2, 3, 0]),
        code=st.sampled_from([0, 1, 2, 3, 0, 0]),
        index=st.sampled_from([0, 0, *range(most + 1)]),
        zero=st.one_of(st.integers(0, 255), signed(32)),
        base=st.sampled_from([0, *range(60), -1]),
        axes=st.tuples(*[axes()] * 4),
    )


def tame_nodes(most: int = 3) -> st.SearchStrategy[Node]:
    """Short reads near the beginning of small tensors: most runs are found."""
    bounds = st.one_of(st.integers(-300, 300), signed(64))
    factor = st.one_of(st.integers(-9, 100), signed(64))
    return st.builds(
        Node,
        opcode=st.sampled_from([Op.DOT, *Op, *Op, *Op, 0, 255]).map(int),
        out_code=st.integers(0, 3),
        param_mode=st.integers(0, 1),
        shift=st.one_of(st.integers(0, 20), st.integers(0, 255)),
        lanes=st.one_of(st.integers(0, 80), st.integers(0, 700)),
        zo=st.one_of(st.integers(0, 255), signed(32)),
        lo=bounds,
        hi=bounds,
        shape=st.tuples(*[st.integers(0, 5)] * 4),
        taps=st.tuples(*[st.integers(0, 3)] * 3),
        m=factor,
        bias=factor,
        ma=factor,
        mb=factor,
        rows=st.integers(0, 300),
        param_base=st.integers(0, 4),
        gstride=st.integers(-9, 30),
        a=operands(most),
        b=operands(most),
    )


def nodes(most: int = 3) -> st.SearchStrategy[Node]:
    """Any descriptor: tame ones with some bytes overwritten, and random bytes."""
    bytes_at = st.tuples(st.integers(0, DESCRIPTOR_BYTES - 1), st.integers(0, 255))
    spoilt = st.builds(overwritten, tame_nodes(most), st.lists(bytes_at, max_size=3))
    raw = st.binary(min_size=DESCRIPTOR_BYTES, max_size=DESCRIPTOR_BYTES).map(Node.decode)
    return st.one_of(tame_nodes(most), tame_nodes(most), spoilt, raw)


def overwritten(node: Node, changes: list[tuple[int, int]]) -> Node:
    data = bytearray(node.encode())
    for at, byte in changes:
        data[at] = byte
    return Node.decode(bytes(data))


def memories() -> st.SearchStrategy[Memory]:
    short = st.binary(max_size=80)
    long = st.builds(bytes.__mul__, st.binary(min_size=1, max_size=24), st.integers(40, 90))
    tensors = st.one_of(long, short)
    return st.builds(Memory, tensors, tensors, st.lists(tensors, min_size=1, max_size=3))


def elements(node: Node) -> st.SearchStrategy[int]:
    """An index into the output; its ends and its first rows more often."""
    top = (node.byte_len >> (node.out_code & 3)) - 1
    return st.one_of(st.integers(0, min(top, 30)), st.integers(0, top), st.just(top))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    memory = draw(memories())
    node = draw(nodes())
    return Step(node, draw(elements(node)), memory)
