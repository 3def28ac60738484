# SPDX-License-Identifier: Apache-2.0
"""Moves that the rules don't have, and what the contracts say to them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import boa
import pytest

from offchain_workers.chain.hashing import keccak
from tests.contracts.actors import wallet
from tests.opml.game.arena import BOND, Arena, Claim, Game
from tests.opml.game.duel import ask_first, claimed_by, truth_of
from tests.opml.game.models import ADDED, LARGE, LINEAR
from tests.opml.game.test_challengers import to_element
from tests.opml.game.zoo import Answering, false_proof, forged_statement
from verifiers.opml.merkle import ZERO, Tree
from verifiers.opml.moves import Move, Path, all_children, answer, levels_down
from verifiers.opml.openings import Execution


@pytest.fixture
def truth(arena: Arena) -> Execution:
    return truth_of(arena)


@pytest.fixture
def claim(arena: Arena, truth: Execution) -> Claim:
    return claimed_by(arena, Answering(truth))


@pytest.fixture
def fresh(claim: Claim) -> Game:
    """Nothing is known yet."""
    return claim.open()


@pytest.fixture
def game(fresh: Game, truth: Execution) -> Game:
    """The claimant's trace is known; the challenger is on turn."""
    fresh.send_answer(answer(truth, fresh.at))
    return fresh


def into(truth: Execution, j: int) -> Path:
    """To a leaf of the trace, opened."""
    output = truth.outputs[j]
    branch = truth.trace.branch(j)
    size, root = len(output.data), output.tree.root
    return Path(j, output.commitment, branch, size, root)


def refused(game: Game, path: Path, reason: str) -> None:
    with boa.reverts(reason):
        game.send(Move("pick", path))


# ---- answers -------------------------------------------------------------------------------------


def test_only_the_claimant_posts_its_trace_and_once(fresh: Game, truth: Execution) -> None:
    move = answer(truth, fresh.at)
    with boa.reverts("not the claimant"):
        fresh.send_answer(move, by=fresh.challenger)
    fresh.send_answer(move)
    with boa.reverts("already posted"):
        fresh.send_answer(move)


def test_a_trace_has_the_programs_depth(fresh: Game, truth: Execution) -> None:
    nodes = truth.trace.children(7, 0, 3)
    for wrong in ([], [*nodes, nodes[-1]], nodes * 2, nodes * 8):
        with boa.reverts("number of children"):
            fresh.send_answer(Move("post_trace", args=(wrong,)))


def test_a_trace_of_one_leaf_is_not_zero(small_arena: Arena) -> None:
    game = claimed_by(small_arena, Answering(truth_of(small_arena))).open()
    with boa.reverts("root"):
        game.send_answer(Move("post_trace", args=([ZERO],)))


def test_an_answer_is_taken_once_from_anyone(game: Game, truth: Execution) -> None:
    ask_first(game, truth)
    move = answer(truth, game.at)
    game.send_answer(move, by=wallet("keeper"))
    with boa.reverts("already answered"):
        game.send_answer(move)


def test_children_lie_below_a_node_of_a_tree(claim: Claim, truth: Execution) -> None:
    nodes = truth.trace.children(4, 0, 4)
    for levels in (0, 64, 2**200):
        with boa.reverts("levels"):
            claim.publish(Move("answer_children", args=(levels, nodes)))
    with boa.reverts("number of children"):
        claim.publish(Move("answer_children", args=(4, [*nodes, ZERO])))


@pytest.mark.parametrize("levels", range(1, 13))
def test_nodes_at_the_end_that_are_as_the_last_one_may_be_left_out(
    claim: Claim, levels: int
) -> None:
    down = levels_down(levels)
    random = Random(levels)
    for count in {1, 2, 1 << (down - 1), (1 << down) - 1, 1 << down}:
        nodes = [random.randbytes(32) for _ in range(count)]
        node = Tree(all_children(levels, nodes), ZERO).root
        claim.publish(Move("answer_children", args=(levels, nodes)))
        assert (claim.id, keccak(node + levels.to_bytes(32, "big"))) in claim.arena.answers


def test_a_tensor_is_opened_whole(claim: Claim, truth: Execution) -> None:
    small, large = truth.outputs[LINEAR], truth.outputs[LARGE]
    chunk, nodes = small.leaf(0), large.tree.children(7, 0, 3)
    root = large.tree.root
    for args, reason in (
        ((2**40 + 1, root, nodes, b""), "tensor too large"),
        ((8, small.tree.root, [], chunk[1:]), "chunk"),
        ((8, ZERO, [], chunk), "not the chunk"),
        ((8, small.tree.root, nodes[:1], chunk), "not the chunk"),
        ((len(large.data), ZERO, nodes, b""), "not the children"),
        ((len(large.data), root, nodes, chunk), "not the children"),
        ((len(large.data), root, [*nodes, nodes[0]], b""), "number of children"),
        ((len(large.data), root, nodes[:4], b""), "not the children"),
    ):
        with boa.reverts(reason):
            claim.publish(Move("answer_tensor", args=args))


@pytest.mark.parametrize("size", [0, 1, 31, 255])
def test_a_chunk_is_whole(claim: Claim, size: int) -> None:
    """Of a part of one nobody could prove what is missing."""
    with boa.reverts("chunk"):
        claim.publish(Move("answer_chunk", args=(bytes(size),)))


def test_partial_sums_are_stated_where_they_are_asked_for(game: Game, truth: Execution) -> None:
    element = replace_at(game, truth, LINEAR, 3)
    with boa.reverts("not asked"):
        game.send_answer(answer(truth, element))
    to_element(game, LINEAR, 3)
    game.send_answer(forged_statement(truth, game.at))
    with boa.reverts("already answered"):
        game.send_answer(answer(truth, game.at))


def replace_at(game: Game, truth: Execution, j: int, at: int):  # type: ignore[no-untyped-def]
    """The position of an element where the game does not stand."""
    return game.at._replace(stage=3, node_index=j, place=at, byte_len=len(truth.outputs[j].data))


# ---- picks ---------------------------------------------------------------------------------------


def test_nothing_is_asked_before_the_trace_is_known(fresh: Game, truth: Execution) -> None:
    refused(fresh, into(truth, 0), "no trace yet")
    with boa.reverts("no trace yet"):
        fresh.send(false_proof(truth, ADDED, 0))


def test_a_way_down_is_proved_by_hashes(game: Game, truth: Execution) -> None:
    way = into(truth, LARGE)
    leaf = way._replace(byte_len=0, root=ZERO)
    refused(game, leaf._replace(trace_index=LARGE + 1), "trace branch")
    refused(game, leaf._replace(trace_node=ZERO), "trace branch")
    refused(game, leaf._replace(trace_branch=[*way.trace_branch, ZERO]), "below the leaves")
    refused(game, leaf._replace(trace_index=128), "below the leaves")
    refused(game, way._replace(byte_len=3), "not the tensor")
    refused(game, way._replace(trace_branch=way.trace_branch[1:]), "trace branch")
    top = truth.trace.node(5, 0)
    inner = way._replace(trace_index=0, trace_node=top, trace_branch=way.trace_branch[5:])
    refused(game, inner, "not at a leaf")


def test_a_way_into_a_tensor_is_proved_by_hashes(game: Game, truth: Execution) -> None:
    tree, way = truth.outputs[LARGE].tree, into(truth, LARGE)
    down = way._replace(tensor_index=3, tensor_node=tree.node(0, 3), tensor_branch=tree.branch(3))
    chunk = truth.outputs[LARGE].leaf(3)
    refused(game, down._replace(tensor_index=2), "tensor branch")
    refused(game, down._replace(tensor_branch=tree.branch(3)[1:]), "tensor branch")
    refused(game, down._replace(tensor_index=128), "below the leaves")
    refused(game, way._replace(chunk=chunk), "not at a chunk")
    refused(game, down._replace(chunk=chunk[::-1]), "not the chunk")
    refused(game, down._replace(chunk=chunk, byte_index=256), "byte")


def test_there_is_one_way_down_a_tree(game: Game, truth: Execution) -> None:
    """Else one could be asked for in many ways, and no two games the same."""
    refused(game, Path(), "not a question")
    for level in (1, 2, 3, 5, 6):
        branch = truth.trace.branch(0)[level:]
        refused(game, Path(0, truth.trace.node(level, 0), branch), "not a question")
    refused(game, into(truth, LARGE), "not a question")
    refused(game, into(truth, LINEAR), "not a question")
    game.send(Move("pick", Path(0, truth.trace.node(4, 0), truth.trace.branch(0)[4:])))


def test_a_missing_leaf_has_nothing_to_open(game: Game, truth: Execution) -> None:
    last = len(truth.nodes)
    refused(game, Path(last, ZERO, truth.trace.branch(last)), "missing leaf")


# ---- proofs --------------------------------------------------------------------------------------


def test_a_right_output_and_missing_leaves_prove_nothing(game: Game, truth: Execution) -> None:
    last, missing = len(truth.nodes) - 1, len(truth.nodes)
    reasons = {last: "no contradiction", missing: "no contradiction", 0: "not the output"}
    for j, reason in reasons.items():
        path = Path(j, truth.trace.node(0, j), truth.trace.branch(j))
        with boa.reverts(reason):
            game.send(Move("prove", path))


def test_a_proof_arrives_somewhere(game: Game, truth: Execution) -> None:
    whole = false_proof(truth, ADDED, 0)
    with boa.reverts("not at a leaf"):
        game.send(whole._replace(path=Path()))
    with boa.reverts("not at an element"):
        game.send(whole._replace(path=into(truth, ADDED)))
    with boa.reverts("descriptor"):
        game.send(whole._replace(path=false_proof(truth, 2, 0).path))


def test_a_proof_is_of_this_job_and_claim(game: Game, truth: Execution, arena: Arena) -> None:
    other = claimed_by(arena, Answering(truth))
    with boa.reverts("no such game"):
        replace(game, claim=other).send(false_proof(truth, ADDED, 0))
    wrong = replace(game.claim, word=game.claim.word ^ 1 << 40)
    with boa.reverts("no such game"):
        replace(game, claim=wrong).send(false_proof(truth, ADDED, 0))
    with boa.reverts("no such claim"):
        wrong.open("other")


# ---- giving up -----------------------------------------------------------------------------------


def test_a_challenger_gives_up_when_it_likes_and_loses_its_bond(claim: Claim, fresh: Game) -> None:
    fresh.challenger_timeout(by="challenger")
    assert claim.arena.credit(claim.claimant) == BOND // 2
    assert claim.verifier.claim_of(claim.job_id)[2] == 0
