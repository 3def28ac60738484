# SPDX-License-Identifier: Apache-2.0
"""Every lying claimant of the zoo, by the name under which a demonstration can call it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from offchain_workers.chain.hashing import keccak
from verifiers.opml import moves
from verifiers.opml.adversaries.forging import ForgedTensor, with_output, with_trace
from verifiers.opml.adversaries.players import (
    Claimant,
    Claiming,
    Confusing,
    Lying,
    Unmade,
    Withholding,
    changed,
)
from verifiers.opml.merkle import LEAF_BYTES, ZERO, Tensor, Tree, leaf_hash
from verifiers.opml.moves import ELEMENT, TENSOR, TRACE, Move
from verifiers.opml.openings import Execution


def _random(seed: int) -> bytes:
    return random.Random(seed).randbytes(32)


def wrong_output(truth: Execution) -> Claimant:
    """Its trace is right, its claim is not."""
    output = bytearray(truth.outputs[-1].data)
    output[0] ^= 1
    return Claiming(truth, bytes(output))


def wrong_last_node(truth: Execution) -> Claimant:
    return Lying(changed(truth, len(truth.nodes) - 1))


def wrong_first_node(truth: Execution) -> Claimant:
    return Lying(changed(truth, 0))


def _first_answer(tree: Tree) -> int:
    """The level that the first answer about a tree shows."""
    return tree.depth - moves.levels_down(tree.depth)


def garbage_tree(truth: Execution) -> Claimant:
    """Right claim, random trace."""
    top = _first_answer(truth.trace)
    return Lying(with_trace(truth, {(top, 0): _random(1), (top, 1): _random(2)}))


def other_program(truth: Execution) -> Claimant:
    """Every element is another, as if it had run another program."""
    outputs = [Tensor(bytes(255 - byte for byte in output.data)) for output in truth.outputs]
    return Lying(replace(truth, outputs=outputs))


def wrong_byte_len(truth: Execution) -> Claimant:
    longer = Tensor(truth.outputs[0].data + b"\0")
    return Claiming(with_output(truth, 0, longer), truth.outputs[-1].data)


def padding_byte(truth: Execution) -> Claimant:
    """The first byte after a node's end is not zero."""
    j = next(j for j, output in enumerate(truth.outputs) if len(output.data) % LEAF_BYTES)
    output = truth.outputs[j]
    chunk = bytearray(output.leaf(output.leaf_count - 1))
    chunk[len(output.data) % LEAF_BYTES] = 1
    forged = ForgedTensor(output.data, {output.leaf_count - 1: bytes(chunk)})
    return Lying(with_output(truth, j, forged))


def _largest(truth: Execution) -> int:
    return max(range(len(truth.outputs)), key=lambda j: len(truth.outputs[j].data))


def padding_chunk(truth: Execution) -> Claimant:
    """A leaf behind the end of the largest tensor is not zero."""
    j = _largest(truth)
    output = truth.outputs[j]
    forged = ForgedTensor(output.data, {output.leaf_count: bytes(255) + b"\1"})
    return Lying(with_output(truth, j, forged))


def padding_leaf(truth: Execution) -> Claimant:
    """The trace has a node more than the program."""
    return Lying(with_trace(truth, {(0, len(truth.nodes)): truth.outputs[0].commitment}))


def missing_leaf(truth: Execution) -> Claimant:
    """The trace leaves a node out."""
    return Lying(with_trace(truth, {(0, 1 % len(truth.nodes)): ZERO}))


def random_leaf(truth: Execution) -> Claimant:
    """Nobody can open the trace's first leaf."""
    return Lying(with_trace(truth, {(0, 0): _random(3)}))


def zero_branch(truth: Execution) -> Claimant:
    """A part of the trace is under a hash of zero."""
    top = _first_answer(truth.trace)
    return Lying(with_trace(truth, {(top, 1): ZERO}))


def zero_chunk(truth: Execution) -> Claimant:
    """A leaf of a tensor is a hash of zero."""
    j = _largest(truth)
    forged = ForgedTensor(truth.outputs[j].data, splices={(0, 1): ZERO})
    return Lying(with_output(truth, j, forged))


def zero_part(truth: Execution) -> Claimant:
    """So is a part of a tensor."""
    j = _largest(truth)
    top = _first_answer(truth.outputs[j].tree)
    forged = ForgedTensor(truth.outputs[j].data, splices={(top, 1): ZERO})
    return Lying(with_output(truth, j, forged))


def short_chunk(truth: Execution) -> Claimant:
    """A leaf of a tensor commits to fewer bytes than a leaf has."""
    j = _largest(truth)
    return Lying(with_output(truth, j, ForgedTensor(truth.outputs[j].data, {0: b"short"})))


def short_tensor(truth: Execution) -> Claimant:
    """So does the only leaf of one."""
    return Lying(with_output(truth, 0, ForgedTensor(truth.outputs[0].data, {0: b"short"})))


def empty_chunk(truth: Execution) -> Claimant:
    j = _largest(truth)
    return Lying(with_output(truth, j, ForgedTensor(truth.outputs[j].data, {0: b""})))


def leaf_of_another_kind(truth: Execution) -> Claimant:
    """What stands for a tensor is the hash of a chunk, which it publishes."""
    chunk = bytes(range(256))
    decoy = Move("answer_chunk", args=(chunk,))
    return Confusing(with_trace(truth, {(0, 0): leaf_hash(chunk)}), (decoy,))


def leaf_of_an_inner_node(truth: Execution) -> Claimant:
    """What stands for a tensor is the key of other nodes, which it publishes."""
    levels = 5
    children = [_random(i) for i in range(1 << levels)]
    node = Tree(children, ZERO).root
    key = keccak(node + levels.to_bytes(32, "big"))
    decoy = Move("answer_children", args=(levels, children))
    return Confusing(with_trace(truth, {(0, 0): key}), (decoy,))


def chunk_of_another_kind(truth: Execution) -> Claimant:
    """What stands for a chunk is the commitment to a tensor, which it publishes."""
    j, small = _largest(truth), Tensor(b"decoy")
    decoy = Move("answer_tensor", args=(5, small.tree.root, [], small.leaf(0)))
    forged = ForgedTensor(truth.outputs[j].data, splices={(0, 0): small.commitment})
    return Confusing(with_output(truth, j, forged), (decoy,))


def too_large(truth: Execution) -> Claimant:
    """A leaf of the trace commits to more bytes than a tensor may have."""
    root = truth.outputs[0].tree.root
    commitment = keccak(b"\2" + (2**40 + 1).to_bytes(32, "big") + root)
    return Lying(with_trace(truth, {(0, 0): commitment}))


def unmade_element(truth: Execution) -> Claimant:
    """It says of what the first element should be made, which makes another."""
    return Unmade(changed(truth, 0))


def too_few_blocks(truth: Execution) -> Claimant:
    return Unmade(changed(truth, 0), left_out=1)


def unstated_blocks(truth: Execution) -> Claimant:
    """It says that the first element is made of nothing."""
    return Unmade(changed(truth, 0), left_out=truth.nodes[0].blocks)


def silent(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), TRACE, at_begin=True)


def silent_in_trace(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), TRACE)


def silent_in_tensor(truth: Execution) -> Claimant:
    return Withholding(changed(truth, _largest(truth), 5), TENSOR)


def silent_at_element(truth: Execution) -> Claimant:
    return Withholding(changed(truth, 0), ELEMENT)


LIARS: dict[str, Callable[[Execution], Claimant]] = {
    liar.__name__.replace("_", "-"): liar
    for liar in (
        wrong_output,
        wrong_last_node,
        wrong_first_node,
        garbage_tree,
        other_program,
        wrong_byte_len,
        padding_byte,
        padding_chunk,
        padding_leaf,
        missing_leaf,
        random_leaf,
        zero_branch,
        zero_chunk,
        zero_part,
        short_chunk,
        short_tensor,
        empty_chunk,
        leaf_of_another_kind,
        leaf_of_an_inner_node,
        chunk_of_another_kind,
        too_large,
        unmade_element,
        too_few_blocks,
        unstated_blocks,
        silent,
        silent_in_trace,
        silent_in_tensor,
        silent_at_element,
    )
}
