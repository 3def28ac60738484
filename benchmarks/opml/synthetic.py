# SPDX-License-Identifier: Apache-2.0
"""Executions of programs too large to run: random bytes where a game looks, zeros elsewhere."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from random import Random

from benchmarks.opml.lies import Target, ranked
from benchmarks.opml.shapes import Shape
from benchmarks.opml.sparse import SparseBytes, SparseTensor
from verifiers.opml import runs, total
from verifiers.opml.merkle import LEAF_BYTES
from verifiers.opml.openings import Execution
from verifiers.opml.program import Header, Kind, Node, Op, program_tree
from verifiers.opml.runs import Side

Key = tuple[int, int]


class Filled:
    """Tensors in the making, by kind and index."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self._rng = shape, Random(shape.name)
        self._leaves: dict[Key, dict[int, bytes]] = defaultdict(dict)

    def fill(self, target: Target) -> None:
        """All that the target's element is made of, and the element. In order of nodes."""
        j, e, _ = target
        node = self.shape.nodes[j]
        self._record(node, e)
        for k in range(node.blocks):
            self._operand(node, j, e, k, Side.A)
            self._operand(node, j, e, k, Side.B)
        made = total.element(node, j, e, self.reader)
        size = 1 << (node.out_code & 3)
        data = made.to_bytes(size, "little", signed=total.is_signed(node.out_code))
        self._put((Kind.TRACE, j), e * size, data)

    def execution(self) -> Execution:
        given, weights = (self.tensor((kind, 0)) for kind in (Kind.INPUT, Kind.WEIGHTS))
        outputs = [self.tensor((Kind.TRACE, j)) for j in range(len(self.shape.nodes))]
        return Execution(self.shape.nodes, given, weights, outputs)

    def tensor(self, key: Key) -> SparseTensor:
        return SparseTensor(self._size(key), self._leaves[key])

    def reader(self, kind: int, index: int) -> bytes:
        """A ``total.Reader``."""
        return self.tensor((kind, index)).data

    def _size(self, key: Key) -> int:
        kind, index = key
        if kind == Kind.TRACE:
            return self.shape.nodes[index].byte_len
        return self.shape.input_bytes if kind == Kind.INPUT else self.shape.weights_bytes

    def _operand(self, node: Node, j: int, e: int, k: int, side: Side) -> None:
        operand, at, offset = side.of(node), runs.place(node, e, k), 0
        if not runs.exists(operand, j):
            return
        if side is Side.B and node.opcode in (Op.LUT, Op.GATHER):
            offset = total.table_offset(node, j, at, self.reader) or 0
        key = operand.kind, operand.index
        found = runs.run(node, j, side, at, self._size(key), offset)
        if found is not None:
            self._touch(key, found.start, found.size)

    def _record(self, node: Node, e: int) -> None:
        """A shift that brings a sum of random products back to a byte."""
        weights = Kind.WEIGHTS, 0
        found = runs.record(node, runs.channel(node, e), self._size(weights))
        if found is not None:
            self._touch(weights, found.start, found.size)
            shift = 8 + (node.blocks * node.lanes).bit_length() // 2
            self._put(weights, found.start, struct.pack("<qiI", 0, 1, shift))

    def _put(self, key: Key, at: int, data: bytes) -> None:
        self._touch(key, at, len(data))
        changed = SparseBytes(self._size(key), self._leaves[key]).patched(at, data)
        self._leaves[key] = changed.leaves

    def _touch(self, key: Key, start: int, size: int) -> None:
        """Random bytes without a zero, the dearest, in leaves that are still empty."""
        for leaf in range(start // LEAF_BYTES, (start + size - 1) // LEAF_BYTES + 1):
            if leaf not in self._leaves[key]:
                held = min(LEAF_BYTES, self._size(key) - leaf * LEAF_BYTES)
                data = bytes(self._rng.randrange(1, 256) for _ in range(held))
                self._leaves[key][leaf] = data.ljust(LEAF_BYTES, b"\0")


def filled(shape: Shape, targets: Iterable[Target]) -> Execution:
    """An execution in which the targets' elements are right."""
    made = Filled(shape)
    for target in sorted(targets):
        made.fill(target)
    return made.execution()


def header(shape: Shape, execution: Execution) -> Header:
    last = len(shape.nodes) - 1
    return Header(
        program_tree(shape.nodes).root,
        len(shape.nodes),
        last,
        execution.weights.commitment,
        shape.input_bytes,
        shape.nodes[last].byte_len,
        window=3600,
        clock=3600,
    )


def candidates(shape: Shape, count: int) -> list[Target]:
    """The dearest element of every layer that has a name, and of the ``count`` dearest nodes.

    Of nodes that differ only in where they lie, the last.
    """
    empty = Filled(shape).execution()
    kinds = {_kind(node): j for j, node in enumerate(shape.nodes)}
    best = sorted((ranked(empty, j, shape.nodes[j])[0] for j in kinds.values()), reverse=True)
    named = {shape.layers.get(target.j, ""): target for _, target in reversed(best)}
    named.pop("", None)
    return sorted({*named.values(), *(target for _, target in best[:count])})


def _kind(node: Node) -> Node:
    a, b = (replace(operand, index=0, base=0) for operand in (node.a, node.b))
    return replace(node, a=a, b=b, param_base=0)
