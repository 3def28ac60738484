# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Commitment to a batch of outputs
@license AGPL-3.0-only
@author Model Network
@notice One item: keccak256 of its bytes. More: a Merkle root with
        leaf = keccak256(0x00, index, keccak256(item)) and inner = keccak256(0x01, left, right);
        an odd node rises unchanged. The leading byte keeps leaves and inner nodes apart.
"""

MAX_BYTES: constant(uint256) = 16_384
# One byte an item at the least.
MAX_ITEMS: constant(uint256) = 512


@pure
@internal
def _commit(data: Bytes[MAX_BYTES], n: uint256, item_size: uint256) -> bytes32:
    """
    @param n items, at least 1 and at most MAX_ITEMS.
    @param item_size bytes an item; zero means any length, for n = 1 only.
    """
    if item_size == 0:
        assert n == 1, "item size"
    else:
        assert len(data) == n * item_size, "output length"
    if n == 1:
        return keccak256(data)
    nodes: bytes32[MAX_ITEMS] = empty(bytes32[MAX_ITEMS])
    for i: uint256 in range(n, bound=MAX_ITEMS):
        leaf: bytes32 = keccak256(slice(data, i * item_size, item_size))
        nodes[i] = keccak256(concat(x"00", convert(i, bytes32), leaf))
    width: uint256 = n
    for _: uint256 in range(9):  # 2**9 = MAX_ITEMS
        if width == 1:
            break
        half: uint256 = width // 2
        for i: uint256 in range(half, bound=MAX_ITEMS // 2):
            nodes[i] = keccak256(concat(x"01", nodes[2 * i], nodes[2 * i + 1]))
        if width % 2 == 1:
            nodes[half] = nodes[width - 1]
            half += 1
        width = half
    return nodes[0]
