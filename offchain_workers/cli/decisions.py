# SPDX-License-Identifier: Apache-2.0
"""`fusion explain` and `fusion verify-decision`: why a job went where it went, and whether so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import identifier
from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.wishes import market_at, read_wish, table_for

if TYPE_CHECKING:
    from offchain_workers.chain.contracts import JobTerms
    from offchain_workers.cli.network import Connection
    from offchain_workers.routing.faults import Mismatch
    from offchain_workers.routing.record import DecisionRecord

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, 0x and 64 digits.")]
_VERDICT = {"job": "Job", "decision": "Decision", "block": "Market of block", "verdict": "Verdict"}
_MISMATCH = {"fault": "Fault", "where": "Where", "stated": "Stated", "found": "Found"}


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "explain")(explain)
    command(app, "verify-decision")(verify_decision)


def explain(run: Run, job: JobId) -> None:
    """Show what a job's model, method and subnet were chosen from, with scores and reasons.

    As the record says it: `fusion verify-decision` tells whether that is true.
    """
    from offchain_workers.cli import decision_view
    from offchain_workers.cli.network import connect

    connection = connect(run)
    job_id = identifier(job, "job")
    terms, _ = _posted(connection, job_id)
    record = _record(connection, terms)
    data = {"job": job_id, **decision_view.document(record)}
    emit(run, data, lambda: decision_view.view(record))


def verify_decision(
    run: Run,
    job: JobId,
    wish: Annotated[
        Path | None,
        typer.Option("--wish", metavar="FILE", help="Your own copy of the wish, to compare."),
    ] = None,
) -> None:
    """Make a job's decision again from chain data, and list every difference.

    Exits with 1 (MN-ROUTE-016) if there is one.
    """
    from offchain_workers.cli.network import connect
    from offchain_workers.routing.errors import DecisionDiffersError

    connection = connect(run)
    job_id = identifier(job, "job")
    terms, block = _posted(connection, job_id)
    record = _record(connection, terms)
    found = _check(connection, record, terms, block, wish)
    data = {
        "job": job_id,
        "decision": record.cid,
        "block": record.place.block,
        "differences": found,
        "agrees": not found,
        "verdict": "THE DECISION IS NOT WHAT THE RULES GIVE" if found else "as the rules give it",
    }
    emit(run, data, lambda: _view(data))
    if found and run.as_json:
        raise typer.Exit(1)  # the document lists the differences
    if found:
        raise DecisionDiffersError(f"{len(found)} differences: {found[0].fault} first")


def _check(
    connection: Connection, record: DecisionRecord, terms: JobTerms, block: int, wish: Path | None
) -> list[Mismatch]:
    from offchain_workers.routing.audit import mismatches
    from offchain_workers.routing.faults import job_mismatches

    request = None if wish is None else read_wish(wish)
    market = market_at(connection, record.place.block, table_for(connection, record.request))
    found = mismatches(record, market, request)
    found += job_mismatches(record, terms, block, _spec_id(connection, terms.subnet_id))
    return found + _draw(connection, terms.subnet_id)


def _draw(connection: Connection, subnet_id: bytes) -> list[Mismatch]:
    """Whether the subnet's members are the ones that its seed draws."""
    from offchain_workers.cli.replaying import check
    from offchain_workers.routing.faults import Fault, Mismatch

    drawn = check(connection, subnet_id)
    found = [
        Mismatch(Fault.DRAW, each.field, each.chain, each.replayed)
        for each in drawn.replay.differences
    ]
    if not drawn.stored:
        found.append(Mismatch(Fault.DRAW, "members", "other members", "in the contract"))
    return found


def _posted(connection: Connection, job_id: bytes) -> tuple[JobTerms, int]:
    """Terms and block of the post. Raises MN-REQ-007."""
    from offchain_workers.requester.results import history

    past = history(connection.pool, connection.network, job_id)
    posted = next(event for event in past.events if event.name == "JobPosted")
    return past.terms, posted.block_number


def _spec_id(connection: Connection, subnet_id: bytes) -> bytes:
    from offchain_workers.chain.past import Past

    network = connection.network
    past = Past(network.subnets, network.start_block)
    head = connection.w3.eth.block_number
    found = past.newest_first(("SubnetRequested",), subnet_id, head)
    return next((bytes(event.args["spec_id"]) for event in found), bytes(32))


def _record(connection: Connection, terms: JobTerms) -> DecisionRecord:
    """From this machine's store, its peers, or the members of the job's subnet.

    Raises MN-ROUTE-015, MN-ROUTE-012, StoreError.
    """
    from offchain_workers.cli.network import open_store
    from offchain_workers.routing.errors import NoRecordError
    from offchain_workers.routing.record import MAX_RECORD_BYTES, DecisionRecord
    from offchain_workers.storage import MultiStore

    if not any(terms.decision_hash):
        raise NoRecordError("the job names no decision record: no router planned it")
    settings = connection.settings
    homes = _members_stores(connection, terms.subnet_id)
    try:
        store = MultiStore(open_store(settings), homes)
        data = store.get("0x" + terms.decision_hash.hex(), MAX_RECORD_BYTES)
    finally:
        for home in homes:
            home.close()
    return DecisionRecord.from_canonical(data)


def _members_stores(connection: Connection, subnet_id: bytes) -> list[Any]:
    from offchain_workers.models.catalog import endpoints
    from offchain_workers.storage import HttpStore, StoreError

    found = connection.network.subnets.subnet(subnet_id)
    announced = endpoints(connection.pool, connection.network)
    stores = []
    for operator, _ in found.members if found else ():
        try:
            private = connection.settings.storage.allow_private
            stores.append(HttpStore(announced.get(operator, ""), allow_private=private))
        except StoreError:
            continue  # an operator may announce anything
    return stores


def _view(data: dict[str, Any]) -> Any:
    from rich.console import Group

    parts: list[Any] = [fields({**data, "job": data["job"]}, _VERDICT)]
    if data["differences"]:
        rows = [
            {"fault": each.fault.value, "where": each.where, "stated": each.stated,
             "found": each.found}
            for each in data["differences"]
        ]  # fmt: skip
        parts += ["", table(rows, _MISMATCH)]
    return Group(*parts)
