# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Security versions and statuses
@license AGPL-3.0-only
@author Model Network
@notice What Intel compares, and what becomes of two statuses.
"""

# Every other byte.
EVEN: constant(bytes16) = 0x00ff00ff00ff00ff00ff00ff00ff00ff
ABOVE: constant(bytes16) = 0x01000100010001000100010001000100
HARDENING: constant(uint256) = 1
OUT_OF_DATE: constant(uint256) = 4
REVOKED: constant(uint256) = 8


@pure
@internal
def _reach(have: uint256, need: uint256) -> bool:
    """
    @return Whether each of 16 bytes is at least the other's.
    """
    even: uint256 = convert(EVEN, uint256)
    above: uint256 = convert(ABOVE, uint256)
    # A difference below zero borrows from the bit above its byte.
    low: uint256 = unsafe_sub((have & even) | above, need & even)
    high: uint256 = unsafe_sub(((have >> 8) & even) | above, (need >> 8) & even)
    return low & high & above == above


@pure
@internal
def _worse(platform: uint256, component: uint256) -> uint256:
    """
    @return Status of a platform, of which a component has a status of its own.
    """
    both: uint256 = platform | component
    # Nobody asks for hardening of what must be replaced.
    return both ^ (both & HARDENING) if both & OUT_OF_DATE != 0 else both
