# SPDX-License-Identifier: Apache-2.0
"""Descriptors and tensors for property tests: hostile ones that nevertheless read something."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from verifiers.opml.program import DESCRIPTOR_BYTES, Axis, Kind, Node, Op, Operand


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


def unsigned(bits: int, usual: int) -> st.SearchStrategy[int]:
    """Mostly 0 to ``usual``, sometimes anything, often an end of the range."""
    top = (1 << bits) - 1
    return st.one_of(
        st.integers(0, min(usual, top)), st.integers(0, top), st.sampled_from([0, 1, top])
    )


def signed(bits: int, usual: int) -> st.SearchStrategy[int]:
    half = 1 << (bits - 1)
    return st.one_of(
        st.integers(-usual, usual),
        st.integers(-half, half - 1),
        st.sampled_from([-half, -1, 0, 1, half - 1]),
    )


def axes(usual: int) -> st.SearchStrategy[Axis]:
    """Nothing at all, a step along the output or the taps, or anything."""
    small = st.integers(-2, usual)
    near = st.builds(Axis, small, small, small, st.integers(0, 1 << 20), small)
    far = st.builds(
        Axis, signed(48, 2), signed(48, 2), signed(48, 2), unsigned(48, 9), signed(48, 9)
    )
    return st.one_of(st.just(Axis()), near, far)


def operands(most: int) -> st.SearchStrategy[Operand]:
    return st.builds(
        Operand,
        kind=st.one_of(st.integers(0, 4), unsigned(8, 3)),
        code=unsigned(8, 3),
        index=unsigned(32, most),
        zero=signed(32, 255),
        base=signed(48, 300),
        axes=st.tuples(*[axes(40)] * 4),
    )


def hostile_nodes(most: int = 3) -> st.SearchStrategy[Node]:
    """Every field anything, but near what is sensible often enough that runs are found."""
    shape = st.tuples(*[unsigned(32, 5)] * 4)
    return st.builds(
        Node,
        opcode=st.one_of(st.sampled_from(list(Op)).map(int), unsigned(8, 12)),
        out_code=unsigned(8, 3),
        param_mode=st.one_of(st.integers(0, 1), unsigned(8, 2)),
        shift=unsigned(8, 20),
        lanes=unsigned(32, 600),
        zo=signed(32, 255),
        lo=signed(64, 300),
        hi=signed(64, 300),
        shape=shape,
        taps=st.tuples(*[unsigned(16, 3)] * 3),
        m=signed(64, 100),
        bias=signed(64, 10000),
        ma=signed(64, 100),
        mb=signed(64, 100),
        rows=unsigned(48, 40),
        param_base=unsigned(48, 4),
        gstride=signed(48, 30),
        a=operands(most),
        b=operands(most),
    )


def nodes(most: int = 3) -> st.SearchStrategy[Node]:
    """Hostile nodes, and now and then the node of random bytes."""
    raw = st.binary(min_size=DESCRIPTOR_BYTES, max_size=DESCRIPTOR_BYTES).map(Node.decode)
    return st.one_of(hostile_nodes(most), hostile_nodes(most), hostile_nodes(most), raw)


def memories() -> st.SearchStrategy[Memory]:
    tensors = st.one_of(
        st.binary(max_size=80),
        st.tuples(st.binary(min_size=1, max_size=24), st.integers(10, 60)).map(
            lambda drawn: drawn[0] * drawn[1]
        ),
    )
    return st.builds(Memory, tensors, tensors, st.lists(tensors, max_size=3))


def elements(node: Node) -> st.SearchStrategy[int]:
    """An index into the output; its ends and its first rows more often."""
    top = (node.byte_len >> (node.out_code & 3)) - 1
    return st.one_of(st.integers(0, min(top, 30)), st.integers(0, top), st.just(top))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    memory = draw(memories())
    node = draw(nodes())
    return Step(node, draw(elements(node)), memory)
