# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The draw's arithmetic, for tests to compare with
@license AGPL-3.0-only
@author Model Network
"""

from contracts.modules import weighted_draw
from snekmate.utils import math

MANY: constant(uint256) = 256


@external
@pure
def wad_ln(xs: DynArray[int256, MANY]) -> DynArray[int256, MANY]:
    found: DynArray[int256, MANY] = []
    for x: int256 in xs:
        found.append(math._wad_ln(x))
    return found


@external
@pure
def uniform(seed: bytes32, ids: DynArray[uint256, MANY]) -> DynArray[uint256, MANY]:
    found: DynArray[uint256, MANY] = []
    for id: uint256 in ids:
        found.append(weighted_draw._uniform(seed, id))
    return found


@external
@pure
def key(us: DynArray[uint256, MANY], weight: uint256) -> DynArray[uint256, MANY]:
    found: DynArray[uint256, MANY] = []
    for u: uint256 in us:
        found.append(weighted_draw._key(u, weight))
    return found


@external
@pure
def least_key(us: DynArray[uint256, MANY], weight: uint256) -> DynArray[uint256, MANY]:
    found: DynArray[uint256, MANY] = []
    for u: uint256 in us:
        found.append(weighted_draw._least_key(u, weight))
    return found
