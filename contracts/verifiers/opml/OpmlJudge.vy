# SPDX-License-Identifier: AGPL-3.0-only
# pragma version ~=0.4.3
"""
@title Judge of method `opml`
@license AGPL-3.0-only
@author Model Network
@notice Decides whether what stands at a game's position contradicts the program: by itself where a look
        suffices (a missing leaf that is not empty, a tensor of the wrong size, padding that is not zero, an
        output that is not the claimed one), with a step contract where something must be recomputed.
        Stateless, and it trusts its caller for the case: hashes bind everything else.
"""

from .modules import opml_profile as profile

from interfaces import IOpmlJudge
from interfaces import IOpmlStep

implements: IOpmlJudge

MAX_TENSOR: constant(uint256) = 2**40
TRACE: constant(uint256) = 1
TENSOR: constant(uint256) = 2
ELEMENT: constant(uint256) = 3
NAMED: constant(uint256) = 5

STEP_REDUCE: public(immutable(address))
STEP_ELEMENT: public(immutable(address))


@deploy
def __init__(step_reduce: address, step_element: address):
    STEP_REDUCE = step_reduce
    STEP_ELEMENT = step_element


@external
@pure
def descend(at: IOpmlJudge.Position, path: IOpmlJudge.Path) -> IOpmlJudge.Position:
    return self._descend(at, path, empty(bytes32))[0]


@external
@view
def contradicts(
    case: IOpmlJudge.Case, path: IOpmlJudge.Path, header: IOpmlJudge.Header, evidence: IOpmlJudge.Evidence
) -> bool:
    # One long function: each inner one would copy the evidence once more.
    at: IOpmlJudge.Position = empty(IOpmlJudge.Position)
    trace_root: bytes32 = empty(bytes32)
    at, trace_root = self._descend(case.at, path, case.trace_root)
    if case.at.stage == NAMED:
        seal: bytes32 = keccak256(trace_root)
        assert case.stated == self._cut(keccak256(abi_encode(seal, evidence.partials))), "not as stated"
    if at.stage == TRACE and at.levels == 0:
        return self._is_wrong_leaf(at, header, case.output)
    if at.stage != ELEMENT and at.node == empty(bytes32):
        # Nothing hashes to zero.
        return True
    assert at.stage != TRACE, "not at a leaf"
    if at.node_index >= header.node_count:
        # Only a leaf that is not empty can have been opened.
        return True
    self._open_descriptor(at.node_index, header, evidence.descriptor, evidence.branch)
    if at.byte_len != profile._byte_len_of(evidence.descriptor):
        return True
    assert at.stage == ELEMENT, "not at an element"
    code: uint256 = profile._out_code(evidence.descriptor)
    assert at.place % (1 << code) == 0, "not aligned"
    claimed: int256 = self._claimed(at, code)
    if at.place >= at.byte_len:
        return claimed != 0
    depth: uint256 = profile._depth_of_count(header.node_count)
    if not profile._is_reduction(evidence.descriptor):
        return claimed != staticcall IOpmlStep(STEP_ELEMENT).element(
            evidence.descriptor,
            at.node_index,
            at.place >> code,
            trace_root,
            depth,
            case.input,
            header.weights,
            evidence.a,
            evidence.b,
            evidence.p,
        )
    blocks: uint256 = profile._blocks_of(evidence.descriptor)
    if blocks > 1:
        if case.at.stage == NAMED:
            # What was stated of one element is held against no other.
            assert case.at.node_index == at.node_index and case.at.place == at.place, "another element"
        else:
            assert case.stated == self._cut(keccak256(abi_encode(evidence.partials))), "not the partials"
        if len(evidence.partials) != blocks:
            return True
    value: int256 = 0
    if blocks == 1 or evidence.block < blocks:
        part: int256 = staticcall IOpmlStep(STEP_REDUCE).block_value(
            evidence.descriptor,
            at.node_index,
            at.place >> code,
            evidence.block,
            trace_root,
            depth,
            case.input,
            header.weights,
            evidence.a,
            evidence.b,
        )
        if blocks > 1:
            return part != evidence.partials[evidence.block]
        value = profile._combine(evidence.descriptor, [part])
    else:
        assert evidence.block == blocks, "block"
        value = profile._combine(evidence.descriptor, evidence.partials)
    return claimed != staticcall IOpmlStep(STEP_REDUCE).finish(
        evidence.descriptor,
        at.place >> code,
        value,
        header.weights,
        evidence.p,
    )


@internal
@pure
def _descend(start: IOpmlJudge.Position, path: IOpmlJudge.Path, trace_root: bytes32) -> (IOpmlJudge.Position, bytes32):
    """
    @return Where the path ends, and the root of the trace; from a named element the one from which it leads.
    """
    at: IOpmlJudge.Position = start
    root: bytes32 = trace_root
    if at.stage == NAMED:
        # Nothing of the element is proved yet. That the root is the claimant's shows its seal.
        root = profile._fold(path.trace_node, path.trace_index, path.trace_branch)
        at.stage = TRACE
        at.node_index = 0
        at.place = 0
        at.node = path.trace_node
    if at.stage == TRACE:
        at.levels, at.node_index = self._below(at.levels, at.node_index, len(path.trace_branch), path.trace_index)
        if len(path.trace_branch) != 0 and start.stage != NAMED:
            assert profile._fold(path.trace_node, path.trace_index, path.trace_branch) == at.node, "trace branch"
            at.node = path.trace_node
        if path.root != empty(bytes32):
            assert at.levels == 0, "not at a leaf"
            assert profile._tensor_commitment(path.byte_len, path.root) == at.node, "not the tensor"
            # No program makes a larger tensor: that it is too large is all that matters.
            at.byte_len = min(path.byte_len, MAX_TENSOR + 1)
            at.levels = profile._depth_of(at.byte_len)
            at.stage = TENSOR
            at.node = path.root
    if at.stage == TENSOR:
        at.levels, at.place = self._below(at.levels, at.place, len(path.tensor_branch), path.tensor_index)
        if len(path.tensor_branch) != 0:
            assert profile._fold(path.tensor_node, path.tensor_index, path.tensor_branch) == at.node, "tensor branch"
            at.node = path.tensor_node
        if len(path.chunk) != 0:
            assert at.levels == 0, "not at a chunk"
            assert profile._leaf_hash(path.chunk) == at.node, "not the chunk"
            assert path.byte_index < 256, "byte"
            at.stage = ELEMENT
            at.place = at.place * 256 + path.byte_index
            at.node = extract32(path.chunk, path.byte_index // 32 * 32)
    return at, root


@internal
@pure
def _below(levels: uint256, index: uint256, down: uint256, child: uint256) -> (uint256, uint256):
    """
    @return Levels and index of a node `down` levels below another.
    """
    assert down <= levels and child < 1 << down, "below the leaves"
    return levels - down, (index << down) | child


@internal
@pure
def _is_wrong_leaf(at: IOpmlJudge.Position, header: IOpmlJudge.Header, output: uint256) -> bool:
    missing: bool = at.node_index >= header.node_count
    if missing or at.node == empty(bytes32):
        return missing != (at.node == empty(bytes32))
    assert at.node_index == header.output_node, "not the output"
    return convert(at.node, uint256) >> 88 != output


@internal
@pure
def _claimed(at: IOpmlJudge.Position, code: uint256) -> int256:
    """
    @return The element that the claimant committed to.
    """
    return profile._little_endian(convert(at.node, uint256), at.place % 32, code)


@internal
@pure
def _cut(digest: bytes32) -> uint256:
    """
    @return The upper bits of a hash, with room for a time below.
    """
    return (convert(digest, uint256) >> 40) << 40


@internal
@pure
def _open_descriptor(index: uint256, header: IOpmlJudge.Header, descriptor: uint256[14], branch: DynArray[bytes32, 20]):
    profile._open_descriptor(descriptor, index, branch, header.program_root, profile._depth_of_count(header.node_count))
