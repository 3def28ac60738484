# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
# pragma nonreentrancy on
"""
@title Trees of tensors and traces, as claims and games use them
@license AGPL-3.0-only
@author Model Network
@notice Which nodes of a tree an answer shows, where the next question is, and the commitment to a tensor
        that is at hand. Rules: docs/opml-game.md.
"""

from . import opml_profile as profile

MAX_OUTPUT: constant(uint256) = 16_384
# An answer shows the nodes up to so many levels below the one in question: with more, it would cost more than
# the answers saved.
MAX_DOWN: constant(uint256) = 6
# Answers from a tensor's root to its chunks, at the most.
MAX_ANSWERS: constant(uint256) = 6
# The hash of a leaf of zeros.
EMPTY_LEAF: constant(bytes32) = 0x7a9efb4f2d5fc995fb0c798bd5426724a58aa7b05b62f646b6baed96f5dbfc87


@internal
@pure
def _is_question(depth: uint256, levels: uint256) -> bool:
    """
    @param depth Of the tree.
    @return Whether the answers from the root down come by a node that is so many levels above the leaves.
    """
    level: uint256 = depth
    for _: uint256 in range(MAX_ANSWERS):
        level -= self._down(level)
        if level <= levels:
            break
    return level == levels


@internal
@pure
def _hash_of(chunk: Bytes[256]) -> bytes32:
    # Of a shorter one no element could be shown.
    assert len(chunk) == 256, "chunk"
    return profile._leaf_hash(chunk)


@internal
@pure
def _down(levels: uint256) -> uint256:
    """
    @return How many levels below a node its answer lies: as few answers as can be, of about the same size.
    """
    if levels == 0:
        return 0
    return levels // ((levels + MAX_DOWN - 1) // MAX_DOWN)


@internal
@pure
def _fold_children(levels: uint256, children: DynArray[bytes32, 64]) -> bytes32:
    """
    @return The node whose answer these nodes are.
    """
    count: uint256 = len(children)
    # Those that are left out are as the last one: what fills a tree up isn't paid for.
    assert count != 0 and count <= 1 << self._down(levels), "number of children"
    rest: bytes32 = children[count - 1]
    nodes: bytes32[64] = empty(bytes32[64])
    for i: uint256 in range(count, bound=64):
        nodes[i] = children[i]
    for _: uint256 in range(self._down(levels), bound=MAX_DOWN):
        if count & 1 != 0:
            nodes[count] = rest
        rest = keccak256(concat(x"01", rest, rest))
        count = (count + 1) // 2
        for i: uint256 in range(count, bound=32):
            nodes[i] = keccak256(concat(x"01", nodes[unsafe_mul(2, i)], nodes[unsafe_add(unsafe_mul(2, i), 1)]))
    return nodes[0]


@pure
@reentrant
@external
def commitment(data: Bytes[MAX_OUTPUT]) -> bytes32:
    """
    @return The commitment to a tensor of these bytes.
    """
    width: uint256 = max(1, (len(data) + 255) // 256)
    nodes: bytes32[64] = empty(bytes32[64])
    for i: uint256 in range(width, bound=64):
        leaf: uint256[8] = empty(uint256[8])
        at: uint256 = 256 * i
        for k: uint256 in range(8):
            if at + 32 <= len(data):
                leaf[k] = extract32(data, at, output_type=uint256)
            elif at < len(data):
                # The encoding, behind its length, is filled up with zeros.
                leaf[k] = extract32(abi_encode(data, ensure_tuple=False), at + 32, output_type=uint256)
            at += 32
        nodes[i] = profile._leaf_hash(abi_encode(leaf))
    missing: bytes32 = EMPTY_LEAF
    for _: uint256 in range(6):
        if width == 1:
            break
        if width % 2 == 1:
            nodes[width] = missing
            width += 1
        width //= 2
        for i: uint256 in range(width, bound=32):
            nodes[i] = profile._inner(nodes[2 * i], nodes[2 * i + 1])
        missing = profile._inner(missing, missing)
    return profile._tensor_commitment(len(data), nodes[0])
