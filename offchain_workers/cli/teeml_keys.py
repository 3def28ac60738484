# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml quote`, `register` and `status`: an operator's enclave, its keys on the chain."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from offchain_workers.cli import files
from offchain_workers.cli.arguments import Signer, address, identifier
from offchain_workers.cli.output import emit, fields, moment, table
from offchain_workers.cli.run import Run, command

_KEYS = {
    "key": "Key",
    "policy": "Policy",
    "state": "State",
    "until": "Until",
    "platform": "Platform",
    "status": "Status",
    "next_status": "Next status",
    "warning": "Warning",
}
_QUOTED = {
    "out": "Quote",
    "provider": "Provider",
    "measurement": "Measurement",
    "runtime_measurement": "Measurement with RTMR3",
}
_REGISTERED = {"key": "Key", "policy": "Policy", "until": "Until"}
_WAIT_SECONDS = 300


def add_to(group: typer.Typer) -> None:
    """Register the commands."""
    command(group, "quote")(quote)
    command(group, "register")(register)
    command(group, "status")(status)
    command(group, "invalidate")(invalidate)
    command(group, "excuse")(excuse)


def quote(
    run: Run,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it goes, binary.")],
) -> None:
    """Have an enclave quoted: the one at `teeml.socket`, else one started for it as a worker would.

    What it measures to is what a policy lists. The quote vouches for no key.
    """
    from offchain_workers.chain.contracts.base import ZERO_ADDRESS
    from offchain_workers.cli.network import connect
    from verifiers.teeml.machine import Machine
    from verifiers.teeml.quote import Quote

    connection = connect(run)
    with closing(Machine(connection.settings, connection.network, ZERO_ADDRESS)) as machine:
        provider = machine.client.hello()["provider"]
        raw = machine.client.probe().quote
    parsed = Quote.parse(raw)
    files.write(out, raw)
    data = {
        "out": out,
        "provider": provider,
        "measurement": parsed.measurement,
        "runtime_measurement": parsed.runtime_measurement,
    }
    emit(run, data, lambda: fields(data, _QUOTED))


def register(
    run: Run,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Its id.")],
    account: Signer = None,
) -> None:
    """Register a key of the enclave at `teeml.socket`, and the collateral that it rests on first.

    A worker does this by itself, and again in time; an enclave that a worker starts is its own.
    """
    from offchain_workers.cli.network import Patience, connect
    from offchain_workers.cli.sending import Sender
    from verifiers.errors import NotReadyError
    from verifiers.teeml.machine import Machine

    policy_id = identifier(policy, "policy")
    connection = connect(run, account)
    if connection.settings.teeml.socket is None:
        raise typer.BadParameter(
            "teeml.socket names no enclave; a worker registers its own by itself"
        )
    sender = Sender(connection)
    registrar = Machine(connection.settings, connection.network, sender.address).registrar
    registrar.serve(policy_id)
    patience = Patience(connection.pool, _WAIT_SECONDS)
    while steps := registrar.look():
        for step in steps:
            sender.send(step.what, step.call)
        patience()
    if registrar.waits_for(policy_id):
        raise NotReadyError(registrar.waits_for(policy_id))
    until = registrar.lasts_until(policy_id)
    key = registrar.key(policy_id)
    data = sender.result(key=key, policy=policy_id, expires=until)
    emit(run, data, lambda: fields(data | {"until": moment(until)}, _REGISTERED))


def invalidate(
    run: Run,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="Its id.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="An enclave's key, an address.")],
    account: Signer = None,
) -> None:
    """Write down that a key was revoked, by the vendor or the guardian. Anyone may."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.cli.teeml_status import REASONS
    from verifiers.teeml.market import verifier_of

    policy_id, name = identifier(policy, "policy"), address(key)
    connection = connect(run, account)
    verifier = verifier_of(connection.network)
    sender = Sender(connection)
    sender.send("invalidate", verifier.invalidate(policy_id, name))
    reason = REASONS.get(verifier.key_of(policy_id, name).reason)
    data = sender.result(key=name, policy=policy_id, reason=reason)
    emit(run, data, lambda: fields(data, {"key": "Key", "policy": "Policy", "reason": "Reason"}))


def excuse(
    run: Run,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, 0x and 64 digits.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key that was taken from you.")],
    account: Signer = None,
) -> None:
    """Be excused from a job that you owe: the policy's guardian took your key.

    The pledge is yours again, and the next member is first.
    """
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from offchain_workers.requester.results import history
    from verifiers.teeml.market import verifier_of

    job_id, name = identifier(job, "job"), address(key)
    connection = connect(run, account)
    verifier = verifier_of(connection.network)
    terms = history(connection.pool, connection.network, job_id).terms
    sender = Sender(connection)
    sender.send("excuse", verifier.excuse(terms, name))
    data = sender.result(job=job_id, key=name)
    emit(run, data, lambda: fields(data, {"job": "Job", "key": "Key"}))


def status(
    run: Run,
    operator: Annotated[
        str | None,
        typer.Option("--operator", metavar="ADDRESS", help="Whose keys (default: your own)."),
    ] = None,
    account: Signer = None,
    early: Annotated[
        bool,
        typer.Option("--early/--no-early", help="Ask the vendor what its next TCB data say."),
    ] = True,
) -> None:
    """Show an operator's keys: which count, until when, and which the next TCB data would drop."""
    from offchain_workers.cli.network import connect, own_address
    from offchain_workers.cli.teeml_status import key_rows

    connection = connect(run, account)
    who = address(operator) if operator else own_address(connection.settings)
    rows = key_rows(connection, who, early)
    data = {"operator": who, "keys": rows, "warnings": _warnings(rows)}
    shown = [row | {"until": moment(row["expires"])} for row in rows]
    empty = f"{who} has registered no enclave key"
    emit(run, data, lambda: table(shown, _KEYS) if rows else empty)


def _warnings(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{row['key']}: {row['warning']}" for row in rows if row["warning"]]
