# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The transcript of a Halo2 proof
@license AGPL-3.0-only
@author Model Network
@notice Every instance and every word of the proof is checked and, the last point excepted, hashed before
        the challenges that answer it: no program has a say in that.
"""

from . import halo2_field as field
from . import halo2_program as programs

DRAWN: constant(uint256) = 8


struct Challenges:
    theta: uint256
    beta: uint256
    gamma: uint256
    y: uint256
    x: uint256
    zeta: uint256
    nu: uint256
    mu: uint256


@pure
@internal
def _words(s: programs.Shape, proof: Bytes[8192]) -> DynArray[uint256, 256]:
    """
    @notice The proof's words, as many as the program says, with evaluations in range. Reverts when they
            aren't. Points are checked where they are added up.
    """
    count: uint256 = unsafe_add(s.w_end, 4)
    assert len(proof) == unsafe_mul(32, count)
    words: DynArray[uint256, 256] = abi_decode(
        concat(convert(32, bytes32), convert(count, bytes32), proof), DynArray[uint256, 256]
    )
    for i: uint256 in range(s.w_evals, s.w_end, bound=256):
        field._check(words[i])
    return words


@pure
@internal
def _challenges(
    s: programs.Shape,
    digest: uint256,
    proof: Bytes[8192],
    instances: DynArray[uint256, 128],
) -> Challenges:
    """
    @notice Reverts when the instances are not as many as the program has, or one is out of range.
    """
    assert len(instances) == s.instances
    for value: uint256 in instances:
        field._check(value)
    # Behind the offset and the length.
    given: Bytes[4160] = slice(abi_encode(instances), 64, unsafe_mul(32, s.instances))
    drawn: uint256[DRAWN] = empty(uint256[DRAWN])
    # Where what a challenge answers ends; one that answers nothing new is hashed from the one before.
    ends: uint256[DRAWN] = [
        s.w_counts,
        s.w_products,
        s.w_products,
        s.w_quotients,
        s.w_evals,
        s.w_end,
        s.w_end,
        unsafe_add(s.w_end, 2),
    ]
    state: bytes32 = convert(digest, bytes32)
    start: uint256 = 0
    for i: uint256 in range(DRAWN):
        size: uint256 = unsafe_sub(unsafe_mul(32, ends[i]), start)
        if size == 0:
            state = keccak256(concat(state, 0x01))
        else:
            state = keccak256(concat(state, given, slice(proof, start, size)))
        given = b""
        start = unsafe_add(start, size)
        drawn[i] = convert(state, uint256) % field.R
    return Challenges(
        theta=drawn[0],
        beta=drawn[1],
        gamma=drawn[2],
        y=drawn[3],
        x=drawn[4],
        zeta=drawn[5],
        nu=drawn[6],
        mu=drawn[7],
    )
