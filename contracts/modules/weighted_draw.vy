# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Weighted draw without replacement
@license AGPL-3.0-only
@author Model Network
@notice Efraimidis-Spirakis: each candidate gets key = -ln(u) / weight with u uniform in (0, 1] from
        the seed; the smallest keys win. A key depends on its candidate alone, so one better candidate
        that was left out is a whole proof of a false draw. Splitting a stake changes nothing for the first
        seat; of several seats one name holds one at most, so a large stake gains by several names.
"""

from snekmate.utils import math

WAD: constant(uint256) = 10**18


@pure
@internal
def _uniform(seed: bytes32, id: uint256) -> uint256:
    """
    @param id the candidate's number; unique within a draw.
    @return 63 bits of the hash as a wad in (0, 1e18].
    """
    h: uint256 = convert(keccak256(abi_encode(seed, id)), uint256) >> 193
    return max(unsafe_mul(unsafe_add(h, 1), WAD) >> 63, 1)


@pure
@internal
def _key(u: uint256, weight: uint256) -> uint256:
    """
    @param weight greater than zero, at most 64 bits.
    @return -ln(u) / weight in 1e36 fixed point, rounded down.
    """
    return unsafe_div(unsafe_mul(convert(-math._wad_ln(convert(u, int256)), uint256), WAD), weight)


@pure
@internal
def _least_key(u: uint256, weight: uint256) -> uint256:
    """
    @return A bound that `_key` never falls below, at a twentieth of its gas: -ln(u) >= 1 - u, less
            what the logarithm's last digit may be off by.
    """
    gap: uint256 = unsafe_sub(WAD, u)
    return unsafe_div(unsafe_mul(unsafe_sub(max(gap, 10), 10), WAD), weight)
