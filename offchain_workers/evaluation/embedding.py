# SPDX-License-Identifier: Apache-2.0
"""embedding@1: of three texts, the two about one thing lie nearer to each other.

300 triples of two dozen words each: an anchor, another about the same, one about something else.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import numpy as np

from offchain_workers.codecs.base import Answer
from offchain_workers.evaluation.suite import Suite

_TRIPLES, _WORDS, _SEED = 300, 24, 0
# A topic in each paragraph, then what is in every text.
_WORDS_OF = """
bread flour oven butter sugar salt dough yeast bake knead crust cake pan milk egg cream

goal ball match team player coach league score stadium referee kick pass win season fan
cup

rain cloud wind storm snow sun sky thunder forecast fog frost heat warm cold season ice

code bug test compile branch merge commit build server thread memory cache stack loop type
key

court judge law jury trial crime lawyer witness appeal verdict case police prison guilty
act evidence

piano song music violin drum concert band melody chord note choir opera rhythm tune stage
key

bank loan credit price market stock bond interest tax coin fund profit trade debt fee
account

doctor nurse patient fever drug hospital surgery pain blood heart clinic virus dose lung
pill test

the a of and to in is it for on with as was by at from
"""
*_TOPICS, _COMMON = [topic.split() for topic in _WORDS_OF.split("\n\n")]


@cache
def _texts() -> Sequence[bytes]:
    """Anchor, near, far, anchor, ..."""
    rng = random.Random(_SEED)
    texts = []
    for _ in range(_TRIPLES):
        same, other = rng.sample(_TOPICS, 2)
        texts += [_text(rng, topic) for topic in (same, same, other)]
    return texts


def _text(rng: random.Random, topic: Sequence[str]) -> bytes:
    words = [rng.choice(topic if rng.random() < 0.6 else _COMMON) for _ in range(_WORDS)]
    return " ".join(words).encode()


def _judge(answers: Sequence[Answer | None]) -> tuple[int, int]:
    vectors = [_vector(answer) for answer in answers]
    triples = [vectors[at : at + 3] for at in range(0, len(vectors), 3)]
    return sum(_near(*triple) for triple in triples), len(triples)


def _vector(answer: Answer | None) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    values = None if answer is None else answer.get("embedding")
    return None if values is None else np.asarray(values, np.float64).reshape(-1)


def _near(
    anchor: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
    near: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
    far: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
) -> bool:
    if anchor is None or near is None or far is None:
        return False
    return bool(
        anchor @ near / (np.linalg.norm(near) or 1.0) > anchor @ far / (np.linalg.norm(far) or 1.0)
    )


SUITE = Suite("embedding@1", _texts, _judge)
