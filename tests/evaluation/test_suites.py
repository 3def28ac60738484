# SPDX-License-Identifier: Apache-2.0
"""Suites: the same for everybody, and the shipped cards' figures are what they give."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain_workers.codecs import get_codec
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.evaluation.errors import UnknownSuiteError
from offchain_workers.evaluation.run import Evaluation, difference, evaluate
from offchain_workers.evaluation.suite import SUITES, suite_for
from offchain_workers.models.demo import (
    DemoModel,
    digits,
    digits_cnn,
    digits_mlp,
    digits_tiny,
    embedding,
    magika,
)
from offchain_workers.models.errors import TensorError
from offchain_workers.routing.quality import infer_ms_of, quality_of
from offchain_workers.storage import content_id

DEMO = [digits, digits_mlp, digits_cnn, digits_tiny, embedding, magika]


def run(model: DemoModel) -> Evaluation:
    session = EmbeddedEngine().load(model.spec, model.onnx_bytes)
    return evaluate(model.card, session, suite_for(model.card.task))


@pytest.mark.parametrize("build", DEMO)
def test_the_demo_cards_say_what_their_suites_give(build: object) -> None:
    model: DemoModel = build()  # type: ignore[operator]
    found = run(model)
    assert difference(model.card, found) is None
    assert quality_of(model.card) == found.quality_bp
    assert infer_ms_of(model.card) is not None


@pytest.mark.parametrize("task", sorted(SUITES))
def test_a_suite_is_the_same_every_time(task: str) -> None:
    suite = suite_for(task)
    assert suite.task == task
    assert content_id(b"".join(suite.inputs())) == content_id(b"".join(suite_for(task).inputs()))


def test_a_worse_model_has_a_worse_figure_and_a_forged_card_is_seen() -> None:
    good, found = digits(), run(digits())
    worse = replace(found, right=found.right - 5)
    assert difference(good.card, worse) == "the card says 352 right of 360, here it is 347"
    # One item on the other side is another machine's floats.
    assert difference(good.card, replace(found, right=found.right - 1)) is None
    other = replace(found, suite="digits@2")
    assert difference(good.card, other) == "the card is about digits@1, 360 items"
    silent = good.card.model_copy(update={"accuracy": {}})
    assert difference(silent, found) is None
    assert quality_of(silent) is None


def test_a_random_guesser_is_right_by_chance_only() -> None:
    """The label suites' answers are not all alike."""
    for task in ("digits", "file-type", "text-direction"):
        suite = suite_for(task)
        always: list[dict[str, object] | None] = [{"label": "0"}] * len(suite.inputs())
        right, items = suite.judge(always)
        assert right <= items * 0.55


def test_refused_inputs_count_as_wrong() -> None:
    suite = suite_for("embedding")
    nothing: list[dict[str, object] | None] = [None] * len(suite.inputs())
    assert suite.judge(nothing) == (0, 300)


def test_a_compiled_model_is_as_good_as_its_parent_as_often_as_they_agree() -> None:
    parent = digits().card
    child = parent.model_copy(update={"accuracy": {"items": 20, "top1_agreement": 0.95}})
    assert quality_of(child, parent) == 9_777 * 9_500 // 10_000
    assert quality_of(child) is None
    measured = parent.model_copy(update={"accuracy": {"top1_agreement": 1.0, "top1_integer": 0.9}})
    assert quality_of(measured, parent) == 9_000
    assert infer_ms_of(child, parent) == 1


@pytest.mark.parametrize("accuracy", [
    {"items": 0, "right": 0}, {"items": 10, "right": 11}, {"items": "10", "right": 1},
    {"suite": {"items": 10, "right": -1}}, {"suite": "good"}, {"top1_integer": 1.5},
    {"top1_integer": "high"}, {"infer_ms": -1},
])  # fmt: skip
def test_figures_that_make_no_sense_are_none(accuracy: dict[str, object]) -> None:
    card = digits().card.model_copy(update={"accuracy": accuracy})
    assert quality_of(card) is None
    assert infer_ms_of(card) is None


def test_an_unknown_task_has_no_suite() -> None:
    with pytest.raises(UnknownSuiteError, match="digits, embedding"):
        suite_for("fortune-telling")


def test_texts_become_tokens() -> None:
    card, codec = embedding().card, get_codec("words@1")
    one = codec.encode(card, b"The cat, the HAT!")
    assert one == codec.encode(card, b"the CAT the hat")
    assert len(one) == card.item_bytes_in
    assert one != codec.encode(card, b"the cat the dog")
    assert len(codec.encode(card, b"word " * 10_000)) == card.item_bytes_in
    for bad in (b"", b" .,!", b"\xff\xfe"):
        with pytest.raises(TensorError):
            codec.encode(card, bad)
