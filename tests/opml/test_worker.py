# SPDX-License-Identifier: Apache-2.0
"""Workers that serve a compiled model under `opml`: paid unchallenged, and unharmed by liars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.chain.contracts.deployment import deploy_consumer
from offchain_workers.chain.contracts.opml import OPML
from offchain_workers.chain.errors import CallRevertedError
from offchain_workers.chain.hashing import keccak
from tests.operator.world import ETHER, Running, inline, refusal, until
from tests.opml.compiled import GIVEN, digits_bundle
from tests.opml.lies import lied, tampered
from tests.opml.onchain import Challenger, OpmlMarket, published
from tests.opml.served import claimed, outbox, pass_window, stake
from verifiers.opml.method import OpmlMethod
from verifiers.opml.moves import answer
from verifiers.opml.named import after_statement
from verifiers.opml.openings import Execution

BUNDLE = digits_bundle()
RIGHT: Execution = BUNDLE.program.execution(GIVEN)
FIELDS: dict[str, Any] = {
    "requester": "0x" + "22" * 20,
    "model_id": bytes(32),
    "selector": OPML,
    "subnet_id": bytes(32),
    "input_commitment": bytes(32),
    "max_price": 1,
    "deliver_by": 1,
    "resolve_by": 1,
    "turn_length": 1,
    "artifact_id": b"\1" * 32,
}
OUTPUT = RIGHT.outputs[BUNDLE.header.output_node].data


@pytest.fixture
def opml(compiled: OpmlMarket) -> OpmlMarket:
    return compiled


def test_an_unchallenged_claim_is_paid_when_its_window_is_over(opml: OpmlMarket) -> None:
    primary = opml.market.operators[0]
    with opml.market.worker(primary) as running:
        terms = claimed(opml, running)
        job_id = opml.market.job_id(terms)
        assert opml.market.delivered(job_id)[-1]["output"] == OUTPUT
        assert stake(opml, primary)[1] < ETHER
        pass_window(opml, terms)
        until(lambda: opml.market.paid(job_id))
        sent = {"claim": "mined_ok", "finalise_due": "mined_ok"}
        until(lambda: outbox(opml, primary, job_id) == sent)
    assert stake(opml, primary) == (ETHER, ETHER)


def test_a_model_that_nobody_vouches_for_is_not_served(opml: OpmlMarket) -> None:
    """Until somebody does, nor once that was taken back; the worker sees both at once."""
    market, models = opml.market, opml.market.network.models
    attested = [a for a in market.operators if models.attested_at(market.model_id, a.address)]
    opml.send(attested[0], models.retract(market.model_id))
    with market.worker(market.operators[0]) as running:
        terms = opml.terms(GIVEN)
        assert refusal(running.accept(terms, inline(GIVEN))) == "MN-WORKER-129"
        opml.send(attested[0], models.attest(market.model_id))
        until(lambda: running.accept(terms, inline(GIVEN)).status_code == 200)
        opml.send(attested[0], models.retract(market.model_id))
        until(lambda: refused(running, opml.terms(GIVEN)) == "MN-WORKER-129")


def refused(running: Running, terms: JobTerms) -> str | None:
    """Code of the refusal, None while it promises."""
    answer = running.accept(terms, inline(GIVEN))
    return None if answer.status_code == 200 else refusal(answer)


@pytest.mark.parametrize("eager", [False, True])
def test_a_consumer_contract_gets_the_answer(opml: OpmlMarket, eager: bool) -> None:
    """The claim carries the input; the end carries the output, unless that came with the claim."""
    market, requester = opml.market, opml.market.requester
    consumer = deploy_consumer(market.w3, requester, market.network.marketplace.address)
    at = consumer.address
    wish = {"callback_target": at, "callback_gas": 150_000, "callback_eager": eager}
    terms = opml.terms(GIVEN, requester=at, **wish)
    job_id = market.job_id(terms)
    with market.worker(market.operators[0]) as running:
        promise = running.promise(terms, inline(GIVEN))
        value = market.network.marketplace.value_due(terms)
        opml.send(requester, consumer.ask(terms, inline(GIVEN), promise, value))
        until(lambda: opml.board.look(job_id))
        assert any(consumer.answer_hash(job_id)) is eager
        pass_window(opml, terms)
        until(lambda: market.paid(job_id))
    assert consumer.answer_hash(job_id) == keccak(OUTPUT)


def test_a_callback_on_more_input_than_a_claim_carries_is_not_promised() -> None:
    terms = JobTerms(**FIELDS, callback_target="0x" + "11" * 20)
    spec = BUNDLE.card.inputs[0].model_copy(update={"shape": (4_097,)})
    card = BUNDLE.card.model_copy(update={"inputs": (spec,)})
    assert OpmlMethod().check_terms(terms, BUNDLE.card) is None
    assert "4097 bytes of input" in (OpmlMethod().check_terms(terms, card) or "")


def against(opml: OpmlMarket, terms: JobTerms, node: int) -> Challenger:
    """A liar who says that ``node`` came out otherwise."""
    return opml.challenge(terms, opml.market.requester, lied(RIGHT, node))


def play(challenger: Challenger, wait: Callable[[Callable[[], object]], None] = until) -> list[str]:
    """Each move as soon as the worker has answered, until there is nothing more to say."""
    moves: list[str] = []
    while True:
        wait(lambda: (game := challenger.game) and game.answered_at)
        try:
            moves.append(challenger.move().name)
        except (ValueError, CallRevertedError):
            return moves  # nothing differs, or the contract sees no contradiction


def test_a_challenger_who_lies_loses_its_bond_and_the_worker_is_paid(opml: OpmlMarket) -> None:
    primary = opml.market.operators[0]
    with opml.market.worker(primary, withdraw_above_wei=0, sweep_seconds=1) as running:
        terms = claimed(opml, running)
        challenger = against(opml, terms, 0)
        game = challenger.game
        assert game is not None
        before = opml.market.w3.eth.get_balance(primary.address)
        moves = play(challenger)
        assert moves[0] == "pick"
        late(opml, challenger)
        until(lambda: challenger.game is None)
        pass_window(opml, terms)
        until(lambda: opml.market.paid(challenger.job_id))
        until(lambda: opml.verifier.read("credit", primary.address) == 0)
        until(lambda: set(outbox(opml, primary, challenger.job_id).values()) == {"mined_ok"})
    sent = outbox(opml, primary, challenger.job_id)
    assert {"claim", "post_trace", "challenger_timeout", "finalise_due"} <= sent.keys()
    assert stake(opml, primary) == (ETHER, ETHER)
    gained = opml.market.w3.eth.get_balance(primary.address) - before
    assert gained > game.game.bond // 4


def test_a_named_element_gets_its_blocks_and_a_seal(opml: OpmlMarket) -> None:
    """And who supposed another trace goes on like everybody else."""
    primary, supposed = opml.market.operators[0], lied(RIGHT, 0)
    with opml.market.worker(primary) as running:
        terms = claimed(opml, running)
        challenger = opml.challenge(terms, opml.market.requester, supposed, (0, 0))
        until(lambda: (game := challenger.game) and game.answered_at)
        game = challenger.game
        assert game is not None
        stated = opml.board.published(game)
        sealed, blocks = decode(["bytes32", "int256[]"], stated)
        assert (sealed, list(blocks)) == answer(RIGHT, game.at).args
        assert opml.verifier.trace_root(game.claim_id) is None
        assert after_statement(challenger.challenge, supposed, game.at, stated).name == "pick"
        assert set(play(challenger)) == {"pick"}
        late(opml, challenger)
        until(lambda: challenger.game is None)
        pass_window(opml, terms)
        until(lambda: opml.market.paid(challenger.job_id))
    sent = outbox(opml, primary, challenger.job_id)
    assert {"state", "post_trace", "finalise_due"} <= sent.keys()


def late(opml: OpmlMarket, challenger: Challenger) -> None:
    """Time goes on until the challenger has none left."""
    game = challenger.game
    assert game is not None
    opml.market.chain.increase_time(game.challenger_until + 1 - opml.market.now())


@pytest.mark.parametrize("node", range(len(RIGHT.nodes)))
def test_every_node_is_defended_across_restarts(opml: OpmlMarket, node: int) -> None:
    """The worker is killed before each answer and knows nothing but its rows and the chain."""
    primary = opml.market.operators[0]
    with opml.market.worker(primary) as running:
        terms = claimed(opml, running)
    challenger = against(opml, terms, node)

    def restarted(holds: Callable[[], object]) -> None:
        if not holds():
            with opml.market.worker(primary):
                until(holds)

    assert set(play(challenger, restarted)) <= {"pick"}
    late(opml, challenger)
    with opml.market.worker(primary):
        until(lambda: challenger.game is None)
        pass_window(opml, terms)
        until(lambda: opml.market.paid(challenger.job_id))


def test_games_with_the_same_question_get_one_answer(opml: OpmlMarket) -> None:
    primary = opml.market.operators[0]
    with opml.market.worker(primary) as running:
        terms = claimed(opml, running)
    mine = lied(RIGHT, 0)
    players = [
        opml.challenge(terms, a, mine) for a in (opml.market.requester, opml.market.publisher)
    ]
    with opml.market.worker(primary):
        for player in players:
            play(player)
    keys = [event["key"] for event in answers(opml)]
    assert len(keys) == len(set(keys)) > 1


def answers(opml: OpmlMarket) -> list[dict[str, bytes]]:
    contract = opml.market.w3.eth.contract(  # type: ignore[call-overload]
        address=opml.verifier.address, abi=opml.verifier.abi
    )
    logs = contract.events.Answered().get_logs(from_block=0)
    return [dict(entry["args"]) for entry in logs]


def test_a_claim_that_the_stake_can_not_carry_is_not_promised(opml: OpmlMarket) -> None:
    terms = opml.terms(GIVEN, bond=2_000_000)  # two coins, where one is staked
    with opml.market.worker(opml.market.operators[0]) as running:
        response = running.accept(terms, inline(GIVEN))
        assert refusal(response) == "MN-WORKER-118"
        assert running.accept(opml.terms(GIVEN), inline(GIVEN)).status_code == 200


def test_a_job_of_another_artifact_is_refused(opml: OpmlMarket) -> None:
    terms = opml.terms(GIVEN, artifact_id=b"\1" * 32)
    with opml.market.worker(opml.market.operators[0]) as running:
        assert refusal(running.accept(terms, inline(GIVEN))) == "MN-WORKER-107"


def test_a_model_that_fails_its_self_test_is_not_answered(opml: OpmlMarket) -> None:
    bundle = BUNDLE.changed("trace.onnx", tampered(BUNDLE.files["trace.onnx"]))
    market = published(opml.market, bundle.header, *bundle.hashes)
    files = (*opml.market.files, *bundle.blobs.values())
    other = replace(opml, market=replace(market, files=files))
    with other.market.worker(other.market.operators[0]) as running:
        assert refusal(running.accept(other.terms(GIVEN), inline(GIVEN))) == "MN-WORKER-128"
