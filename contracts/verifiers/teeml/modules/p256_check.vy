# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title P-256 signatures
@license AGPL-3.0-only
@author Model Network
@notice Asks the chain's precompile (EIP-7951), and where the chain has none computes it. The precompile answers a
        bad signature with nothing, as an address without code does, so only its yes counts.
"""

from snekmate.utils import p256

PRECOMPILE: constant(address) = 0x0000000000000000000000000000000000000100


@view
@internal
def _is_signed(digest: bytes32, r: uint256, s: uint256, x: uint256, y: uint256) -> bool:
    """
    @notice Whether (r, s), or with it (r, N - s), signs `digest` under the key (x, y).
    """
    done: bool = False
    answer: Bytes[32] = b""
    done, answer = raw_call(
        PRECOMPILE,
        abi_encode(digest, r, s, x, y),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if done and len(answer) == 32 and convert(answer, uint256) == 1:
        return True
    if s == 0 or s >= p256._N:
        return False
    # snekmate refuses the larger of both; Intel signs with either.
    low: uint256 = p256._N - s if s > p256._MALLEABILITY_THRESHOLD else s
    return p256._verify_sig(digest, r, low, x, y)
