# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Halo2-KZG verifier
@license AGPL-3.0-only
@author Model Network
@notice A program gives a circuit: its gates, lookups, fixed commitments, and which columns are opened where.
        Everything else is fixed here: the transcript, the domain, the permutation and lookup arguments, the
        openings and the pairing. A program can't choose where its results go, see a challenge drawn after
        the commitments, or name a point of the pairing; docs/zk-program.md.
"""

from interfaces import IHalo2Verifier
from .modules import halo2_domain as domain
from .modules import halo2_identity as identity
from .modules import halo2_openings as openings
from .modules import halo2_program as programs
from .modules import halo2_transcript as transcript

implements: IHalo2Verifier

PAIRING: constant(address) = 0x0000000000000000000000000000000000000008
G2: constant(uint256[4]) = [
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    4082367875863433681332203403145435568316851327593401208105741076214120093531,
    8495653923123431417604973247489272438418190587263600148770280649306958101930,
]

# -[tau]G2 of the only setup whose proofs pass.
NEG_TAU_G2: immutable(uint256[4])


@deploy
def __init__(neg_tau_g2: uint256[4]):
    """
    @param neg_tau_g2 In the order that the pairing precompile reads; a point other than infinity.
    """
    assert neg_tau_g2[0] | neg_tau_g2[1] | neg_tau_g2[2] | neg_tau_g2[3] != 0, "setup"
    # The precompile refuses what isn't in the group.
    raw_call(PAIRING, abi_encode(convert(1, uint256), convert(2, uint256), neg_tau_g2), is_static_call=True)
    NEG_TAU_G2 = neg_tau_g2


@view
@external
def neg_tau_g2() -> uint256[4]:
    """
    @notice See IHalo2Verifier.
    """
    return NEG_TAU_G2


@view
@external
def verify(program: address, code_hash: bytes32, proof: Bytes[8192], instances: DynArray[uint256, 128]) -> bool:
    """
    @notice See IHalo2Verifier.
    """
    p: DynArray[uint256, programs.MAX_WORDS] = programs._load(program, code_hash)
    s: programs.Shape = programs._shape(p[0], p[2])
    words: DynArray[uint256, 256] = transcript._words(s, proof)
    c: transcript.Challenges = transcript._challenges(s, p[1], proof, instances)
    d: domain.Domain = domain._domain(s, c, instances)
    quotient: uint256 = identity._quotient(s, p, words, c, d)
    folded: uint256[2] = openings._combined(s, p, words, c, d, quotient)
    assert folded[0] | folded[1] != 0
    return self._pairs(folded, words[unsafe_add(s.w_end, 2)], words[unsafe_add(s.w_end, 3)])


@view
@internal
def _pairs(a: uint256[2], x: uint256, y: uint256) -> bool:
    """
    @notice Whether e(a, G2) is e((x, y), [tau]G2). Reverts when it isn't.
    """
    equal: Bytes[32] = raw_call(
        PAIRING,
        abi_encode(a, G2, x, y, NEG_TAU_G2),
        max_outsize=32,
        is_static_call=True,
    )
    assert convert(equal, bool), "proof"
    return True
