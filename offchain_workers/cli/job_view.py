# SPDX-License-Identifier: Apache-2.0
"""How `fusion job` and `fusion post` show a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offchain_workers.cli.output import fields, moment

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.models.card import ModelCard
    from offchain_workers.requester.results import History

_LABELS = {
    "id": "Job",
    "status": "Status",
    "reason": "Closed because",
    "model": "Model",
    "subnet": "Subnet",
    "operator": "Operator",
    "inputs": "Inputs",
    "max_price": "Maximum price",
    "price": "Paid",
    "pledge": "Pledged by the primary",
    "deliver_by": "Deliver by",
}
# Only of answers that can be challenged.
_WAITED = {
    "answered_at": "Answered at",
    "final_at": "Can be challenged until",
    "closed_at": "Closed at",
}


def describe(past: History, card: ModelCard | None) -> dict[str, Any]:
    """A job as `fusion job` prints it. Without its card, or the key of a sealed answer, answers
    stay bytes."""
    from offchain_workers.units import Wei

    terms = past.terms
    return {
        "id": "0x" + past.job_id.hex(),
        "status": past.job.status.name.lower(),
        "reason": past.reason.name.lower() if past.reason else None,
        "model": "0x" + terms.model_id.hex(),
        "subnet": "0x" + terms.subnet_id.hex(),
        "requester": terms.requester,
        "operator": past.job.operator,
        "inputs": terms.n,
        "max_price": Wei(terms.max_price),
        "price": None if past.price is None else Wei(past.price),
        "pledge": Wei(past.pledge),
        "deliver_by": terms.deliver_by,
        "answered_at": past.answered_at,
        "final_at": past.final_at if past.is_answered else None,
        "closed_at": past.closed_at,
        "answers": answers_of(past, card),
    }


def view(data: dict[str, Any]) -> RenderableType:
    """One job for people."""
    answers = [line(answer) for answer in data["answers"]]
    numbered = {f"Answer {number}": line for number, line in enumerate(answers, start=1)}
    waited: dict[str, str] = {}
    if (final_at := data.get("final_at")) is not None:
        waited = {key: moment(data[key]) for key in _WAITED if data[key] is not None}
        if data["status"] == "pending":
            waited["status"] = pending(final_at)
    labels = {**_LABELS, **{key: _WAITED[key] for key in _WAITED if key in waited}}
    labels |= {label: label for label in numbered}
    return fields({**data, **numbered, **waited}, labels)


def answers_of(past: History, card: ModelCard | None) -> list[Any]:
    if past.output is None:
        return []
    if card is None or (past.reply is None and past.has_sealed_answer(card)):
        return ["0x" + past.output.hex()]
    return list(past.answers(card))


def line(answer: Any) -> str:
    if not isinstance(answer, dict):
        return str(answer)
    score = answer.get("score")
    shown = str(answer.get("label", answer))
    return f"{shown} ({score:.3f})" if isinstance(score, float) else shown


def pending(final_at: int) -> str:
    return f"pending, can be challenged until {moment(final_at)}"
