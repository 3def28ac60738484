# SPDX-License-Identifier: Apache-2.0
"""`fusion job`: what became of a job, live if need be, and its refund."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import Signer, identifier
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.progress import say, waiting
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.cli.network import Connection
    from offchain_workers.models.card import ModelCard
    from offchain_workers.requester.results import History

group = typer.Typer(no_args_is_help=True, help="Look at jobs and get refunds.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, 0x and 64 digits.")]
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
# After resolve_by nothing new can come but a refund.
_GRACE_SECONDS = 5


@command(group, "show")
def show(run: Run, job: JobId) -> None:
    """Show a job: terms, status, answers."""
    from offchain_workers.cli.network import connect

    connection = connect(run)
    data = describe(*_look(connection, identifier(job, "job")))
    emit(run, data, lambda: view(data))


@command(group, "watch")
def watch(run: Run, job: JobId) -> None:
    """Follow a job until it is paid or refunded."""
    from offchain_workers.cli.network import connect

    connection = connect(run)
    job_id = identifier(job, "job")
    past, card = _look(connection, job_id)
    past = wait_for(connection, job_id, past.terms.resolve_by)
    data = describe(past, card)
    emit(run, data, lambda: view(data))


@command(group, "refund")
def refund(run: Run, job: JobId, account: Signer = None) -> None:
    """Close a job that nobody delivered in time; the price goes back to its requester.

    Anyone may: the keeper tip is yours.
    """
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender

    connection = connect(run, account)
    job_id = identifier(job, "job")
    past, card = _look(connection, job_id)
    sender = Sender(connection)
    sender.send("refund the job", connection.network.marketplace.refund(past.terms))
    data = describe(_look(connection, job_id)[0], card) | {"transactions": sender.sent}
    emit(run, data, lambda: view(data))


def wait_for(connection: Connection, job_id: bytes, resolve_by: int) -> History:
    """The job's history once it is closed. Raises MN-REQ-006 when resolve_by passes before."""
    from offchain_workers.cli.network import Patience
    from offchain_workers.requester.results import await_close, history

    seconds = max(resolve_by - time.time(), 0) + _GRACE_SECONDS
    patience = Patience(connection.pool, seconds + _GRACE_SECONDS)
    with waiting(connection.run, "waiting for the answer") as update:
        await_close(
            connection.network,
            job_id,
            seconds,
            patience,
            lambda job: update(f"the job is {job.status.name.lower()}"),
        )
    return history(connection.pool, connection.network, job_id)


def describe(past: History, card: ModelCard | None) -> dict[str, Any]:
    """A job as `fusion job` prints it. Without its card the answers stay bytes."""
    from offchain_workers.units import Wei

    terms = past.terms
    answers: list[Any] = []
    if past.output is not None:
        answers = past.answers(card) if card else ["0x" + past.output.hex()]
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
        "answers": answers,
    }


def view(data: dict[str, Any]) -> RenderableType:
    """One job for people."""
    answers = [_line(answer) for answer in data["answers"]]
    numbered = {f"Answer {number}": line for number, line in enumerate(answers, start=1)}
    labels = {**_LABELS, **{label: label for label in numbered}}
    return fields({**data, **numbered}, labels)


def _line(answer: Any) -> str:
    if not isinstance(answer, dict):
        return str(answer)
    score = answer.get("score")
    shown = str(answer.get("label", answer))
    return f"{shown} ({score:.3f})" if isinstance(score, float) else shown


def _look(connection: Connection, job_id: bytes) -> tuple[History, ModelCard | None]:
    from offchain_workers.requester.results import history

    past = history(connection.pool, connection.network, job_id)
    try:
        model = connection.model("0x" + past.terms.model_id.hex())
        return past, connection.catalog.card(model)
    except FusionError as error:
        say(connection.run, f"answers are shown as bytes: {error}")
        return past, None
