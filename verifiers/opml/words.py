# SPDX-License-Identifier: Apache-2.0
"""Numbers packed into 32-byte words, as the descriptors of a program have them."""

from __future__ import annotations

from dataclasses import dataclass

WORD_BYTES = 32


@dataclass(frozen=True)
class Field:
    """Bits ``low`` to ``low + bits - 1`` of a word."""

    word: int
    low: int
    bits: int
    signed: bool = False

    def get(self, words: list[int]) -> int:
        raw = (words[self.word] >> self.low) & ((1 << self.bits) - 1)
        return raw - (1 << self.bits) if self.signed and raw >> (self.bits - 1) else raw

    def put(self, words: list[int], number: int) -> None:
        """Raises ValueError when the number does not fit."""
        least = -(1 << (self.bits - 1)) if self.signed else 0
        if not least <= number < least + (1 << self.bits):
            raise ValueError(f"{number} does not fit into {self.bits} bits")
        words[self.word] |= (number & ((1 << self.bits) - 1)) << self.low


def from_bytes(data: bytes) -> list[int]:
    """The big-endian words of ``data``, whose length is a multiple of 32."""
    return [
        int.from_bytes(data[i : i + WORD_BYTES], "big") for i in range(0, len(data), WORD_BYTES)
    ]


def to_bytes(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(WORD_BYTES, "big") for word in words)
