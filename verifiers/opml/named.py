# SPDX-License-Identifier: Apache-2.0
"""Games that begin at an element: by challengers that know the claimant's trace before it says a
word, because they know what it ran instead of the program."""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi.abi import decode, encode

from offchain_workers.chain.contracts.opml import Position
from verifiers.opml.merkle import LEAF_BYTES, ZERO, commitment_of, fold, leaf_hash
from verifiers.opml.moves import ELEMENT, Challenge, Move, Overlay, Path, needs_partials, seal
from verifiers.opml.openings import Execution


def after_statement(
    challenge: Challenge, supposed: Execution, at: Position, published: bytes
) -> Move:
    """The move after the claimant sealed its trace and stated the blocks of the named element.

    The proof, when its trace is what the challenger ``supposed`` and the element is wrong there;
    else the way back to the begin, from where its own execution is all that it needs.
    """
    sealed, stated = decode(["bytes32", "int256[]"], published)
    own, root = challenge.execution, supposed.trace.root
    if sealed != seal(root) or at.node_index >= len(own.nodes):
        return challenge.next_move(at, published)
    path = path_to(supposed, at.node_index, at.place)
    # What is stated of an element that needs no blocks decides nothing, but goes with the seal.
    blocks = stated if needs_partials(own, at) else ()
    if not _leads_from(root, path) or _is_right(own, at, path, blocks):
        return challenge.next_move(at, published)
    challenge.claimed = Overlay(supposed.trace)
    proof = challenge.next_move(at._replace(stage=ELEMENT), encode(["int256[]"], [blocks]))
    evidence = proof.evidence._replace(partials=list(stated))
    return proof._replace(path=path, evidence=evidence)


def path_to(traced: Execution, j: int, place: int) -> Path:
    """From a game's begin to byte ``place`` of node ``j``, through what the claimant committed
    to."""
    output = traced.outputs[j]
    leaf, byte_index = divmod(place, LEAF_BYTES)
    return Path(
        trace_index=j,
        trace_node=output.commitment,
        trace_branch=traced.trace.branch(j),
        byte_len=len(output.data),
        root=output.tree.root,
        tensor_index=leaf,
        tensor_node=output.tree.node(0, leaf) if output.tree.depth else ZERO,
        tensor_branch=output.tree.branch(leaf),
        chunk=output.leaf(leaf),
        byte_index=byte_index,
    )


def _leads_from(root: bytes, path: Path) -> bool:
    """Whether a whole path's hashes fit: a liar's tree need not hold together."""
    return (
        len(path.chunk) == LEAF_BYTES
        and fold(leaf_hash(path.chunk), path.tensor_index, path.tensor_branch) == path.root
        and commitment_of(path.byte_len, path.root) == path.trace_node
        and fold(path.trace_node, path.trace_index, path.trace_branch) == root
    )


def _is_right(own: Execution, at: Position, path: Path, blocks: Sequence[int]) -> bool:
    """Whether the element at a path's end, and what was stated of it, is as in our execution."""
    j, begin = at.node_index, path.byte_index
    width = 1 << (own.nodes[j].out_code & 3)
    leaf = own.outputs[j].leaf(path.tensor_index)
    is_same = path.chunk[begin : begin + width] == leaf[begin : begin + width]
    right = own.block_values(j, at.place // width) if needs_partials(own, at) else []
    return is_same and path.byte_len == len(own.outputs[j].data) and list(blocks) == right
