# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Openings of committed tensors
@license AGPL-3.0-only
@author Model Network
@notice What a step is shown of inputs, weights and a claimant's trace, held to their commitments.
"""

from interfaces import IOpmlStep
from . import opml_profile as profile

NOTHING: constant(uint256) = 0
INPUT: constant(uint256) = 1
WEIGHTS: constant(uint256) = 2
TRACE: constant(uint256) = 3

LEAF_BYTES: constant(uint256) = 256
MAX_BRANCHES: constant(uint256) = 64
MAX_TENSOR_BYTES: constant(uint256) = 2**40
MAX_DEPTH: constant(uint256) = 32

# The commitments that an execution is held to.
struct Roots:
    trace: bytes32
    depth: uint256  # of the trace's tree
    input: bytes32
    weights: bytes32


# Bytes of a tensor that follow one another.
struct Run:
    kind: uint256  # of the tensor; NOTHING reads nothing
    index: uint256  # in the trace, less than 2 ** Roots.depth
    start: int256  # anywhere
    size: uint256  # 1 to LEAF_BYTES


@pure
@internal
def _read(run: Run, roots: Roots, opening: IOpmlStep.Opening) -> Bytes[LEAF_BYTES]:
    """
    @notice Reverts when the opening is not one of the tensor, at the run.
    @return The run's bytes; none when it does not lie inside the tensor.
    """
    if run.kind == NOTHING:
        return b""
    self._check_commitment(run, roots, opening.byte_len, opening.root, opening.trace_branch)
    # No tensor is longer than the profile allows, whatever somebody committed to.
    if run.start < 0 or opening.byte_len > MAX_TENSOR_BYTES:
        return b""
    start: uint256 = convert(run.start, uint256)
    end: uint256 = unsafe_add(start, run.size)
    if end > opening.byte_len:
        return b""
    first: uint256 = start // LEAF_BYTES
    count: uint256 = unsafe_sub(unsafe_add(unsafe_sub(end, 1) // LEAF_BYTES, 1), first)
    assert len(opening.leaves) == unsafe_mul(count, LEAF_BYTES), "leaves"
    assert opening.root == self._root_of(opening.leaves, first, opening.byte_len, opening.branches), "leaf"
    return convert(slice(opening.leaves, start % LEAF_BYTES, run.size), Bytes[LEAF_BYTES])


@pure
@internal
def _check_commitment(run: Run, roots: Roots, byte_len: uint256, root: bytes32, trace_branch: DynArray[bytes32, 20]):
    """
    @notice Reverts unless `byte_len` and `root` are those of the run's tensor.
    """
    commitment: bytes32 = profile._tensor_commitment(byte_len, root)
    if run.kind == INPUT:
        assert commitment == roots.input, "input"
    elif run.kind == WEIGHTS:
        assert commitment == roots.weights, "weights"
    else:
        assert len(trace_branch) == roots.depth, "trace branch"
        assert profile._fold(commitment, run.index, trace_branch) == roots.trace, "trace"


@pure
@internal
def _root_of(
    leaves: Bytes[512], first: uint256, byte_len: uint256, branches: DynArray[bytes32, MAX_BRANCHES]
) -> bytes32:
    """
    @param leaves One, or two that follow one another.
    @param first Index of the first; all lie inside the tensor.
    @return The root that the leaves and their siblings lead to.
    """
    top: bytes32 = keccak256(concat(0x00, slice(leaves, 0, LEAF_BYTES)))
    place: uint256 = first
    used: uint256 = 0
    depth: uint256 = len(branches)
    if len(leaves) > LEAF_BYTES:
        other: bytes32 = keccak256(concat(0x00, slice(leaves, LEAF_BYTES, LEAF_BYTES)))
        # Until the two are siblings, each has one of its own.
        for _: uint256 in range(MAX_DEPTH):
            if place & 1 == 0:
                break
            assert unsafe_add(used, 1) < len(branches), "branches"
            top = keccak256(concat(0x01, branches[used], top))
            other = keccak256(concat(0x01, other, branches[unsafe_add(used, 1)]))
            used = unsafe_add(used, 2)
            place >>= 1
        top = profile._inner(top, other)
        place >>= 1
        depth = unsafe_add(unsafe_sub(depth, used >> 1), 1)
    assert profile._is_depth(depth, byte_len), "branches"
    for i: uint256 in range(used, len(branches), bound=MAX_BRANCHES):
        if place & 1 == 0:
            top = keccak256(concat(0x01, top, branches[i]))
        else:
            top = keccak256(concat(0x01, branches[i], top))
        place >>= 1
    return top
