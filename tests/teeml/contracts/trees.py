# SPDX-License-Identifier: Apache-2.0
"""DER as a tree that can be bent and written again, lengths of all parents included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

CONSTRUCTED = 0x20


@dataclass
class Node:
    """``content`` of a primitive; ``padding``: zero bytes too many in its length."""

    tag: int
    content: bytes = b""
    children: list[Node] = field(default_factory=list)
    padding: int = 0

    def write(self) -> bytes:
        inner = b"".join(child.write() for child in self.children) or self.content
        return bytes([self.tag]) + _length(len(inner), self.padding) + inner

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()


def read(data: bytes) -> Node:
    """The tree of one well-formed value."""
    return next(_nodes(data))


def _nodes(data: bytes) -> Iterator[Node]:
    while data:
        head, size = 2, data[1]
        if size >= 0x80:
            head = 2 + (size & 0x7F)
            size = int.from_bytes(data[2:head], "big")
        content, tag = data[head : head + size], data[0]
        if tag & CONSTRUCTED:
            yield Node(tag, content if not content else b"", list(_nodes(content)))
        else:
            yield Node(tag, content)
        data = data[head + size :]


def _length(size: int, padding: int) -> bytes:
    if size < 0x80 and not padding:
        return bytes([size])
    octets = bytes(padding) + size.to_bytes(max(1, (size.bit_length() + 7) // 8), "big")
    if padding and size < 0x80:
        octets = octets[1:] or octets
    return bytes([0x80 | len(octets)]) + octets
