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

INPUT: constant(uint256) = 1
WEIGHTS: constant(uint256) = 2
TRACE: constant(uint256) = 3

LEAF_BYTES: constant(uint256) = 256
MAX_LEAVES: constant(uint256) = 512
MAX_BRANCHES: constant(uint256) = 64
MAX_TENSOR_BYTES: constant(uint256) = 2**40
MAX_DEPTH: constant(uint256) = 32

# The commitments that an execution is held to.
struct Roots:
    trace: bytes32
    depth: uint256  # of the trace's tree
    input: bytes32
    weights: bytes32


@pure
@internal
def _check_commitment(kind: uint256, index: uint256, roots: Roots, opening: IOpmlStep.Opening):
    """
    @notice Reverts unless `byte_len` and `root` are those of the tensor.
    @param kind 1 to 3.
    @param index Less than 2 ** roots.depth; of the trace only.
    """
    commitment: bytes32 = profile._tensor_commitment(opening.byte_len, opening.root)
    if kind == INPUT:
        assert commitment == roots.input, "input"
    elif kind == WEIGHTS:
        assert commitment == roots.weights, "weights"
    else:
        assert len(opening.trace_branch) == roots.depth, "trace branch"
        assert profile._fold(commitment, index, opening.trace_branch) == roots.trace, "trace"


@pure
@internal
def _run(opening: IOpmlStep.Opening, start: int256, size: uint256) -> Bytes[LEAF_BYTES]:
    """
    @notice Reverts when the leaves that hold the run aren't those of the tensor.
    @param opening Its commitment has been checked.
    @param start Byte where the run begins, anywhere.
    @param size Bytes of the run, 1 to 256.
    @return The run's bytes; none when it does not lie inside the tensor.
    """
    # No tensor is longer than the profile allows, whatever somebody committed to.
    if start < 0 or opening.byte_len > MAX_TENSOR_BYTES:
        return b""
    end: int256 = unsafe_add(start, convert(size, int256))
    if end > convert(opening.byte_len, int256):
        return b""
    first: uint256 = convert(start, uint256) // LEAF_BYTES
    last: uint256 = convert(unsafe_sub(end, 1), uint256) // LEAF_BYTES
    assert len(opening.leaves) == (LEAF_BYTES if first == last else MAX_LEAVES), "leaves"
    root: bytes32 = self._root_of(opening.leaves, first, profile._depth_of(opening.byte_len), opening.branches)
    assert root == opening.root, "leaf"
    return convert(slice(opening.leaves, convert(start, uint256) % LEAF_BYTES, size), Bytes[LEAF_BYTES])


@pure
@internal
def _root_of(
    leaves: Bytes[MAX_LEAVES], first: uint256, depth: uint256, branches: DynArray[bytes32, MAX_BRANCHES]
) -> bytes32:
    """
    @param leaves One, or two that follow one another.
    @param first Index of the first; all are less than 2 ** depth.
    @return The root that the leaves and their siblings lead to.
    """
    left: bytes32 = keccak256(concat(x"00", slice(leaves, 0, LEAF_BYTES)))
    right: bytes32 = empty(bytes32)
    is_pair: bool = len(leaves) == MAX_LEAVES
    if is_pair:
        right = keccak256(concat(x"00", slice(leaves, LEAF_BYTES, LEAF_BYTES)))
    place: uint256 = first
    used: uint256 = 0
    count: uint256 = len(branches)
    for _: uint256 in range(depth, bound=MAX_DEPTH):
        is_odd: bool = place & 1 == 1
        place >>= 1
        if is_pair and not is_odd:
            left = profile._inner(left, right)
            is_pair = False
            continue
        needed: uint256 = 2 if is_pair else 1
        assert unsafe_add(used, needed) <= count, "branches"
        left = profile._inner(branches[used], left) if is_odd else profile._inner(left, branches[used])
        if is_pair:
            right = profile._inner(right, branches[unsafe_add(used, 1)])
        used = unsafe_add(used, needed)
    assert used == count, "branches"
    return left
