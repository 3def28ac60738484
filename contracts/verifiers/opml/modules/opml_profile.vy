# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title The OPML profile's arithmetic and commitments
@license AGPL-3.0-only
@author Model Network
@notice docs/opml-profile.md in pure functions. Nothing here reverts for any descriptor; openings that
        don't fit and partial values that no block can have are refused.
"""

LEAF_BYTES: constant(uint256) = 256
MAX_TENSOR_BYTES: constant(uint256) = 2**40
MAX_BLOCKS: constant(uint256) = 128
# Of a tensor of MAX_TENSOR_BYTES; programs and traces have 20 at most.
MAX_DEPTH: constant(uint256) = 32
# Beyond every block's value (2**96), far below what could overflow later.
MAX_PARTIAL: constant(int256) = 2**127

DOT: constant(uint256) = 1
SUM: constant(uint256) = 2
MAX: constant(uint256) = 3
ARGMAX: constant(uint256) = 4

MASK_32: constant(uint256) = 2**32 - 1
# 0x00ff00ff00ff00ff and 0x0000ffff0000ffff.
EVERY_SECOND: constant(uint256) = (2**64 - 1) // (2**16 - 1) * 255
EVERY_SECOND_PAIR: constant(uint256) = (2**64 - 1) // (2**32 - 1) * 65_535


# --- numbers in words -------------------------------------------------------------------------


@pure
@internal
def _bits(word: uint256, low: uint256, count: uint256) -> uint256:
    """
    @return The unsigned field of `count` bits from bit `low`.
    """
    return (word >> low) & (max_value(uint256) >> unsafe_sub(256, count))


@pure
@internal
def _signed(word: uint256, low: uint256, count: uint256) -> int256:
    """
    @return The field of `count` bits from bit `low`, in two's complement.
    """
    top: uint256 = word << unsafe_sub(unsafe_sub(256, low), count)
    return convert(convert(top, bytes32), int256) >> unsafe_sub(256, count)


@pure
@internal
def _little_endian(word: uint256, at: uint256, code: uint256) -> int256:
    """
    @param word 32 bytes of a tensor, from a byte whose index is a multiple of 32.
    @param at Byte of the word where the element begins; a multiple of its width.
    @param code Of the element, 0 to 3.
    """
    # The element's bytes and what follows them, at the top of 64 bits; then the order is reversed.
    x: uint256 = (word << (at << 3)) >> 192
    x = ((x & EVERY_SECOND) << 8) | ((x >> 8) & EVERY_SECOND)
    x = ((x & EVERY_SECOND_PAIR) << 16) | ((x >> 16) & EVERY_SECOND_PAIR)
    x = (x << 32) | (x >> 32)
    if code < 2:
        return convert(self._bits(x, 0, 8 << code), int256)
    return self._signed(x, 0, 8 << code)


@pure
@internal
def _element_of(leaf: Bytes[LEAF_BYTES], position: uint256, code: uint256) -> int256:
    """
    @param leaf All its 256 bytes.
    @param position In elements from the leaf's begin; less than `256 >> code`.
    @param code Of the element, 0 to 3.
    """
    at: uint256 = position << code
    word: uint256 = extract32(leaf, at & ~31, output_type=uint256)
    return self._little_endian(word, at & 31, code)


# --- commitments ------------------------------------------------------------------------------


@pure
@internal
def _inner(left: bytes32, right: bytes32) -> bytes32:
    return keccak256(concat(0x01, left, right))


@pure
@internal
def _fold(node: bytes32, index: uint256, branch: DynArray[bytes32, MAX_DEPTH]) -> bytes32:
    """
    @param index Of `node` in its level; it must be less than 2 ** len(branch), and len(branch) what the
           tree's depth asks for: the hashes alone don't bind either.
    @param branch The siblings upwards.
    @return The hash that the branch leads to.
    """
    top: bytes32 = node
    place: uint256 = index
    # `_inner` written out: a fifth cheaper.
    for sibling: bytes32 in branch:
        if place & 1 == 0:
            top = keccak256(concat(0x01, top, sibling))
        else:
            top = keccak256(concat(0x01, sibling, top))
        place >>= 1
    return top


@pure
@internal
def _leaf_hash(leaf: Bytes[LEAF_BYTES]) -> bytes32:
    return keccak256(concat(0x00, leaf))


@pure
@internal
def _tensor_commitment(byte_len: uint256, root: bytes32) -> bytes32:
    return keccak256(concat(0x02, convert(byte_len, bytes32), root))


@pure
@internal
def _depth_of_count(leaves: uint256) -> uint256:
    """
    @param leaves At most 2**32.
    @return The smallest d with 2**d >= leaves.
    """
    depth: uint256 = 0
    rest: uint256 = unsafe_sub(max(leaves, 1), 1)
    # Half as many bits each time.
    for i: uint256 in range(6):
        bits: uint256 = 32 >> i
        if rest >> bits != 0:
            depth = unsafe_add(depth, bits)
            rest >>= bits
    return unsafe_add(depth, rest)


@pure
@internal
def _depth_of(byte_len: uint256) -> uint256:
    """
    @param byte_len Of a tensor, at most 2**40.
    @return Levels of the tree over its leaves.
    """
    return self._depth_of_count(unsafe_add(byte_len, LEAF_BYTES - 1) // LEAF_BYTES)


@pure
@internal
def _is_depth(depth: uint256, byte_len: uint256) -> bool:
    """
    @notice `_depth_of(byte_len) == depth`, for less gas.
    """
    last: uint256 = unsafe_sub(max(byte_len, 1), 1) // LEAF_BYTES
    return last >> depth == 0 and (depth == 0 or last >> unsafe_sub(depth, 1) != 0)


@pure
@internal
def _open_descriptor(
    desc: uint256[14], j: uint256, branch: DynArray[bytes32, MAX_DEPTH], program_root: bytes32, depth: uint256
):
    """
    @notice Reverts unless `desc` is node `j` of the program.
    @param depth Of the program: `_depth_of_count(node_count)`.
    """
    assert len(branch) == depth and j >> depth == 0, "program branch"
    leaf: bytes32 = keccak256(concat(0x03, abi_encode(desc)))
    assert self._fold(leaf, j, branch) == program_root, "descriptor"


# --- what a node is ---------------------------------------------------------------------------


@pure
@internal
def _opcode(desc: uint256[14]) -> uint256:
    return desc[0] & 255


@pure
@internal
def _out_code(desc: uint256[14]) -> uint256:
    """
    @return Code of the output's elements, 0 to 3; their width is 2 ** code bytes.
    """
    return (desc[0] >> 8) & 3


@pure
@internal
def _size(shape: uint256, axis: uint256) -> uint256:
    """
    @param shape Word 1 of a descriptor.
    @return The output's extent along an axis, at least 1.
    """
    return max((shape >> (axis << 5)) & MASK_32, 1)


@pure
@internal
def _taps(shape: uint256, axis: uint256) -> uint256:
    """
    @param shape Word 1 of a descriptor.
    @return Taps along an axis, at least 1.
    """
    return max((shape >> unsafe_add(128, axis << 4)) & 65_535, 1)


@pure
@internal
def _byte_len_of(desc: uint256[14]) -> uint256:
    """
    @return Bytes of the node's output.
    """
    shape: uint256 = desc[1]
    count: uint256 = 1
    for axis: uint256 in range(4):
        count = unsafe_mul(count, self._size(shape, axis))
    # At most 2**131.
    return min(count << self._out_code(desc), MAX_TENSOR_BYTES)


@pure
@internal
def _is_reduction(desc: uint256[14]) -> bool:
    opcode: uint256 = self._opcode(desc)
    return opcode >= DOT and opcode <= ARGMAX


@pure
@internal
def _lanes(head: uint256) -> uint256:
    """
    @param head Word 0 of a descriptor.
    @return Lanes of a tap.
    """
    return (head >> 32) & MASK_32


@pure
@internal
def _block_lanes(head: uint256) -> uint256:
    """
    @param head Word 0 of a reduction's descriptor.
    @return Lanes of a whole block.
    """
    return 256 if head & 255 == DOT else 32


@pure
@internal
def _blocks_per_tap(head: uint256) -> uint256:
    """
    @param head Word 0 of a reduction's descriptor.
    """
    size: uint256 = self._block_lanes(head)
    return max(unsafe_div(unsafe_sub(unsafe_add(self._lanes(head), size), 1), size), 1)


@pure
@internal
def _blocks_of(desc: uint256[14]) -> uint256:
    """
    @return Blocks of each element, 1 to MAX_BLOCKS; 1 for a node that is no reduction.
    """
    if not self._is_reduction(desc):
        return 1
    count: uint256 = self._blocks_per_tap(desc[0])
    for axis: uint256 in range(3):
        count = unsafe_mul(count, self._taps(desc[1], axis))
    return min(count, MAX_BLOCKS)


@pure
@internal
def _combine(desc: uint256[14], partials: DynArray[int256, MAX_BLOCKS]) -> int256:
    """
    @notice Refuses a wrong number of partials, and numbers that no block can have.
    @param desc Of a reduction.
    @param partials The values of all blocks, as someone claims them.
    @return `acc`.
    """
    opcode: uint256 = self._opcode(desc)
    assert len(partials) == self._blocks_of(desc), "partials"
    total: int256 = 0
    greatest: int256 = -MAX_PARTIAL
    for partial: int256 in partials:
        assert partial > -MAX_PARTIAL and partial < MAX_PARTIAL, "partial"
        total = unsafe_add(total, partial)
        greatest = max(greatest, partial)
    if opcode == MAX:
        return greatest
    if opcode == ARGMAX:
        low: uint256 = convert(convert(greatest, bytes32), uint256) & MASK_32
        return convert(unsafe_sub(MASK_32, low), int256)
    return total
