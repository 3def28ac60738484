# SPDX-License-Identifier: Apache-2.0
"""Proofs and instances with something wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from verifiers.zkml.field import Q, R
from verifiers.zkml.program import Header


@dataclass(frozen=True)
class Case:
    kind: str
    proof: bytes
    instances: list[int]


def mutate(header: Header, proof: bytes, instances: list[int], count: int) -> Iterator[Case]:
    """The same ones every time; each kind in turn."""
    draw = Random(count)
    kinds = list(KINDS.items())
    for i in range(count):
        name, change = kinds[i % len(kinds)]
        words = [int.from_bytes(proof[at : at + 32], "big") for at in range(0, len(proof), 32)]
        changed, given = change(draw, header, words, list(instances))
        yield Case(name, changed, given)


Changed = tuple[bytes, list[int]]


def _bytes(words: list[int]) -> bytes:
    return b"".join((word % 2**256).to_bytes(32, "big") for word in words)


def _eval(draw: Random, header: Header) -> int:
    return 2 * header.heads + draw.randrange(header.evals)


def _point(draw: Random, header: Header) -> int:
    number = draw.randrange(header.heads + 2)
    return 2 * number + (header.evals if number >= header.heads else 0)


def _bit(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    words[draw.randrange(len(words))] ^= 1 << draw.randrange(256)
    return _bytes(words), instances


def _bit_of_instance(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    instances[draw.randrange(len(instances))] ^= 1 << draw.randrange(253)
    return _bytes(words), instances


def _points_swapped(
    draw: Random, header: Header, words: list[int], instances: list[int]
) -> Changed:
    a = _point(draw, header)
    b = next(at for at in iter(lambda: _point(draw, header), None) if words[at] != words[a])
    words[a : a + 2], words[b : b + 2] = words[b : b + 2], words[a : a + 2]
    return _bytes(words), instances


def _point_negated(draw: Random, header: Header, words: list[int], instances: list[int]) -> Changed:
    at = _point(draw, header)
    words[at + 1] = Q - words[at + 1]
    return _bytes(words), instances


def _point_at_infinity(
    draw: Random, header: Header, words: list[int], instances: list[int]
) -> Changed:
    at = _point(draw, header)
    words[at : at + 2] = [0, 0]
    return _bytes(words), instances


def _coordinate_unreduced(
    draw: Random, header: Header, words: list[int], instances: list[int]
) -> Changed:
    words[_point(draw, header) + draw.randrange(2)] += Q
    return _bytes(words), instances


def _eval_unreduced(
    draw: Random, header: Header, words: list[int], instances: list[int]
) -> Changed:
    words[_eval(draw, header)] += R
    return _bytes(words), instances


def _eval_beside(draw: Random, header: Header, words: list[int], instances: list[int]) -> Changed:
    at = _eval(draw, header)
    words[at] = (words[at] + draw.choice((1, -1))) % R
    return _bytes(words), instances


def _instance_unreduced(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    instances[draw.randrange(len(instances))] += R
    return _bytes(words), instances


def _instance_beside(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    at = draw.randrange(len(instances))
    instances[at] = (instances[at] + draw.choice((1, -1))) % R
    return _bytes(words), instances


def _instance_more_or_less(
    draw: Random, _: Header, words: list[int], instances: list[int]
) -> Changed:
    changed = draw.choice(([*instances, 0], instances[:-1], []))
    return _bytes(words), changed


def _short(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    proof = _bytes(words)
    return proof[
        : draw.choice((0, 32, len(proof) - 64, len(proof) - 32, len(proof) - 1))
    ], instances


def _trailing(draw: Random, _: Header, words: list[int], instances: list[int]) -> Changed:
    return _bytes(words) + draw.randbytes(draw.choice((1, 31, 32, 64))), instances


KINDS: dict[str, Callable[[Random, Header, list[int], list[int]], Changed]] = {
    "bit": _bit,
    "bit of an instance": _bit_of_instance,
    "points swapped": _points_swapped,
    "point negated": _point_negated,
    "point at infinity": _point_at_infinity,
    "coordinate + Q": _coordinate_unreduced,
    "evaluation + R": _eval_unreduced,
    "evaluation +- 1": _eval_beside,
    "instance + R": _instance_unreduced,
    "instance +- 1": _instance_beside,
    "other number of instances": _instance_more_or_less,
    "short": _short,
    "trailing bytes": _trailing,
}
