# SPDX-License-Identifier: Apache-2.0
# pragma version ~=0.4.3
"""
@title The functions of opml_profile, for tests to call
"""

from contracts.verifiers.opml.modules import opml_profile as profile


@external
@pure
def element_of(leaf: Bytes[256], position: uint256, code: uint256) -> int256:
    return profile._element_of(leaf, position, code)


@external
@pure
def fold(node: bytes32, index: uint256, branch: DynArray[bytes32, 32]) -> bytes32:
    return profile._fold(node, index, branch)


@external
@pure
def leaf_hash(leaf: Bytes[256]) -> bytes32:
    return profile._leaf_hash(leaf)


@external
@pure
def tensor_commitment(byte_len: uint256, root: bytes32) -> bytes32:
    return profile._tensor_commitment(byte_len, root)


@external
@pure
def depth_of(byte_len: uint256) -> uint256:
    return profile._depth_of(byte_len)


@external
@pure
def depth_of_count(leaves: uint256) -> uint256:
    return profile._depth_of_count(leaves)


@external
@pure
def is_depth(depth: uint256, byte_len: uint256) -> bool:
    return profile._is_depth(depth, byte_len)


@external
@pure
def open_descriptor(
    desc: uint256[14], j: uint256, branch: DynArray[bytes32, 20], program_root: bytes32, depth: uint256
):
    profile._open_descriptor(desc, j, branch, program_root, depth)


@external
@pure
def facts(desc: uint256[14]) -> (uint256, uint256, bool, uint256):
    return (
        profile._byte_len_of(desc),
        profile._blocks_of(desc),
        profile._is_reduction(desc),
        profile._out_code(desc),
    )


@external
@pure
def combine(desc: uint256[14], partials: DynArray[int256, 128]) -> int256:
    return profile._combine(desc, partials)
