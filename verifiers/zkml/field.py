# SPDX-License-Identifier: Apache-2.0
"""Numbers of BN254 that the verifier on chain is built on."""

from __future__ import annotations

# Order of the group, and of the field of its coordinates.
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
G1 = (1, 2)

# A root of unity of order 2**28; a generator of the cosets of permutations.
MAX_K = 28
ROOT = 0x03DDB9F5166D18B798865EA93DD31F743215CF6DD39329C8D34F1ED960C37C9C
DELTA = 4131629893567559867359510883348571134090853742863529169391034518566172092834

Point = tuple[int, int]
INFINITY: Point = (0, 0)


def on_curve(point: Point) -> bool:
    """Of a point in range; infinity is not on the curve."""
    x, y = point
    return x < Q and y < Q and y * y % Q == (pow(x, 3, Q) + 3) % Q


def inverse(value: int) -> int:
    """Raises ValueError for zero."""
    return pow(value, -1, R)
