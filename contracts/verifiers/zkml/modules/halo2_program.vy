# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Programs of the Halo2 verifier
@license AGPL-3.0-only
@author Model Network
@notice A program is the code of a data contract: a STOP, then the ABI encoding of an array of words and
        zeros up to one size. docs/zk-program.md says what the words are.
"""

MAX_WORDS: constant(uint256) = 126
SIZE: constant(uint256) = 4096
VERSION: constant(uint256) = 2

# Bits of a set: opened at x, at the next row, at the one before, at the last usable one.
HERE: constant(uint256) = 1
NEXT: constant(uint256) = 2
LAST: constant(uint256) = 8
MAX_SETS: constant(uint256) = 8
MAX_K: constant(uint256) = 28

# Words before the openings: the header, the circuit's digest, the sets.
HEAD: constant(uint256) = 3


# What a header says, and where the parts are in the program (p_) and in the proof.
struct Shape:
    k: uint256
    last: uint256  # rows from the end to the last usable one
    instances: uint256
    advice: uint256  # columns, each with a commitment and an opening
    advice_evals: uint256
    fixed_: uint256
    sigmas: uint256
    chunk: uint256  # columns of one permutation product
    products: uint256
    lookups: uint256
    quotients: uint256
    sets: uint256
    masks: uint256  # a byte a set
    here: uint256  # sets by number
    full: uint256
    next: uint256
    # Words of the proof, behind so many points: multiplicities, products, sums, the random polynomial,
    # quotients, evaluations (from the random polynomial's, which no program reads; the lookups'), the
    # last two points.
    w_counts: uint256
    w_products: uint256
    w_sums: uint256
    w_random: uint256
    w_quotients: uint256
    w_evals: uint256
    w_late: uint256
    w_lookups: uint256
    w_end: uint256
    p_columns: uint256
    p_lookups: uint256
    p_constants: uint256
    p_ops: uint256
    p_points: uint256


@view
@internal
def _load(program: address, code_hash: bytes32) -> DynArray[uint256, MAX_WORDS]:
    """
    @notice The words of a program. Reverts when its code isn't what `code_hash` says.
    """
    assert program.codehash == code_hash, "program"
    return abi_decode(slice(program.code, 1, SIZE), DynArray[uint256, MAX_WORDS])


@pure
@internal
def _shape(head: uint256, masks: uint256) -> Shape:
    """
    @notice Reverts when the sets are not those that the fixed arguments need.
    """
    s: Shape = empty(Shape)
    assert head & 255 == VERSION
    s.k = (head >> 8) & 255
    s.last = (head >> 16) & 255
    s.instances = (head >> 24) & 255
    s.advice = (head >> 32) & 255
    s.advice_evals = (head >> 40) & 255
    s.fixed_ = (head >> 48) & 255
    s.sigmas = (head >> 56) & 255
    s.chunk = (head >> 64) & 255
    s.lookups = (head >> 72) & 255
    s.quotients = (head >> 80) & 255
    s.sets = (head >> 104) & 255
    s.here = (head >> 112) & 255
    s.full = (head >> 120) & 255
    s.next = (head >> 128) & 255
    s.masks = masks
    assert s.k <= MAX_K and s.last != 0
    # None of them is zero.
    assert unsafe_mul(unsafe_mul(s.instances, s.sigmas), unsafe_mul(s.quotients, s.advice)) != 0
    s.products = unsafe_sub(unsafe_add(s.sigmas, s.chunk), 1) // s.chunk
    assert s.sets <= MAX_SETS and masks >> unsafe_mul(8, s.sets) == 0
    # A number beyond the sets has no rotations.
    assert self._mask(masks, s.here) == HERE and self._mask(masks, s.next) == HERE | NEXT
    assert s.products == 1 or self._mask(masks, s.full) == HERE | NEXT | LAST
    s.w_counts = unsafe_mul(2, s.advice)
    s.w_products = unsafe_add(s.w_counts, unsafe_mul(2, s.lookups))
    s.w_sums = unsafe_add(s.w_products, unsafe_mul(2, s.products))
    s.w_random = unsafe_add(s.w_sums, unsafe_mul(2, s.lookups))
    s.w_quotients = unsafe_add(s.w_random, 2)
    s.w_evals = unsafe_add(s.w_quotients, unsafe_mul(2, s.quotients))
    s.w_late = unsafe_add(s.w_evals, unsafe_add(s.advice_evals, s.fixed_))
    s.w_lookups = unsafe_add(unsafe_add(s.w_late, s.sigmas), unsafe_mul(3, s.products))
    s.w_end = unsafe_add(s.w_lookups, unsafe_mul(3, s.lookups))
    s.p_columns = unsafe_add(HEAD, unsafe_add(s.advice, 3) >> 2)
    s.p_lookups = unsafe_add(s.p_columns, unsafe_add(s.sigmas, 15) >> 4)
    s.p_constants = unsafe_add(s.p_lookups, s.lookups)
    s.p_ops = unsafe_add(s.p_constants, (head >> 88) & 255)
    s.p_points = unsafe_add(s.p_ops, (head >> 96) & 255)
    return s


@pure
@internal
def _mask(masks: uint256, number: uint256) -> uint256:
    """
    @notice Rotations of a set; none of a set that isn't there.
    """
    return (masks >> unsafe_mul(8, number)) & 255
