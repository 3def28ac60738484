# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title Probe of the P-256 module, for tests
@license Apache-2.0
@author Model Network
"""

from contracts.verifiers.teeml.modules import p256_check as p256


@view
@external
def is_signed(digest: bytes32, r: uint256, s: uint256, x: uint256, y: uint256) -> bool:
    return p256._is_signed(digest, r, s, x, y)
