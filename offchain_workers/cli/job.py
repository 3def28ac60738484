# SPDX-License-Identifier: Apache-2.0
"""`fusion job`: what became of a job, live if need be, and its refund."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from offchain_workers.cli.arguments import Signer, identifier
from offchain_workers.cli.job_view import answers_of, describe, line, pending, view
from offchain_workers.cli.output import emit
from offchain_workers.cli.progress import say, waiting
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.cli.network import Connection
    from offchain_workers.models.card import ModelCard
    from offchain_workers.requester.results import History

group = typer.Typer(no_args_is_help=True, help="Look at jobs and get refunds.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, 0x and 64 digits.")]
# After resolve_by nothing new can come but a refund.
_GRACE_SECONDS = 5


@command(group, "show")
def show(run: Run, job: JobId, account: Signer = None) -> None:
    """Show a job: terms, status, answers. A sealed answer is opened by its requester's account."""
    from offchain_workers.cli.network import connect

    connection = connect(run, account)
    past, card = _look(connection, identifier(job, "job"))
    data = describe(_readable(connection, past, card), card)
    emit(run, data, lambda: view(data))


@command(group, "watch")
def watch(run: Run, job: JobId, account: Signer = None) -> None:
    """Follow a job until it is paid or refunded."""
    from offchain_workers.cli.network import connect

    connection = connect(run, account)
    job_id = identifier(job, "job")
    past, card = _look(connection, job_id)
    past = wait_for(connection, job_id, past.terms.resolve_by, card)
    data = describe(_readable(connection, past, card), card)
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


def wait_for(
    connection: Connection, job_id: bytes, resolve_by: int, card: ModelCard | None
) -> History:
    """The job's history once it is closed. Raises MN-REQ-006 when resolve_by passes before.

    An answer that can be challenged still is said as soon as it is there.
    """
    from offchain_workers.chain.contracts import Job, JobStatus
    from offchain_workers.cli.network import Patience
    from offchain_workers.requester.results import await_close, history

    def look() -> History:
        return history(connection.pool, connection.network, job_id)

    seconds = max(resolve_by - time.time(), 0) + _GRACE_SECONDS
    patience = Patience(connection.pool, seconds + _GRACE_SECONDS)
    was_pending = False
    with waiting(connection.run, "waiting for the answer") as update:

        def changed(job: Job) -> None:
            nonlocal was_pending
            update(f"the job is {job.status.name.lower()}")
            if job.status is JobStatus.PENDING:
                _say_pending(connection.run, look(), card)
            elif was_pending and job.status is JobStatus.OPEN:
                say(connection.run, "that answer was refuted: the job is open again")
            was_pending = job.status is JobStatus.PENDING

        await_close(connection.network, job_id, seconds, patience, changed)
    return look()


def _readable(connection: Connection, past: History, card: ModelCard | None) -> History:
    """With the account's key, when the answer is sealed and the job is the account's."""
    from offchain_workers.cli.network import own_address, unlock
    from offchain_workers.requester.replies import reply_key

    if card is None or not past.has_sealed_answer(card):
        return past
    settings = connection.settings
    if settings.account.keystore is None or own_address(settings) != past.terms.requester:
        say(connection.run, "the answer is sealed to its requester")
        return past
    return past.read_by(reply_key(unlock(settings)))


def _say_pending(run: Run, past: History, card: ModelCard | None) -> None:
    """An answer that is not final, and until when."""
    if past.final_at is None:
        return
    for answer in answers_of(past, card):
        say(run, f"answer {line(answer)}: {pending(past.final_at)}")


def _look(connection: Connection, job_id: bytes) -> tuple[History, ModelCard | None]:
    from offchain_workers.cli.circuits import check_circuit
    from offchain_workers.requester.results import history

    past = history(connection.pool, connection.network, job_id)
    try:
        model = connection.model("0x" + past.terms.model_id.hex())
        card = connection.catalog.card(model)
        check_circuit(connection, model, card, past.terms)
        return past, card
    except FusionError as error:
        say(connection.run, f"answers are shown as bytes: {error}")
        return past, None
