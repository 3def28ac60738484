# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml policy`: make policies known, look at them, take things out as their guardian."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import Signer, identifier
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.teeml_files import read_file
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.chain.contracts import Network
    from offchain_workers.chain.contracts.enclaves import Measurement, Policy
    from offchain_workers.chain.contracts.teeml_verifier import TeemlVerifier
    from offchain_workers.cli.network import Connection

group = typer.Typer(no_args_is_help=True, help="Which software on which platforms may sign.")

_LABELS = {
    "policy": "Policy",
    "statuses": "Statuses",
    "measurements": "Measurements",
    "removed": "Places removed",
    "removed_platforms": "Platforms removed",
    "min_evaluation": "Least evaluation",
    "max_age": "Collateral's age, s",
    "key_ttl": "A key's life, s",
    "quota": "Keys a platform",
    "hold": "Hold, s",
    "bond": "Bond a key",
    "guardian": "Guardian",
    "require_gpu": "Wants a GPU",
}

PolicyId = Annotated[str, typer.Argument(metavar="POLICY", help="Its id.")]


@command(group, "create")
def create(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy, JSON.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what its id would be.")
    ] = False,
    account: Signer = None,
) -> None:
    """Make a policy known. It can't be changed afterwards; its id is the hash of all of it."""
    from verifiers.teeml.keypolicy import PolicyFile

    policy = PolicyFile.parse(read_file(file)).policy()
    data = _shown(policy)
    if not dry_run:
        from offchain_workers.cli.network import connect
        from offchain_workers.cli.sending import Sender
        from verifiers.teeml.market import verifier_of

        connection = connect(run, account)
        verifier = verifier_of(connection.network)
        sender = Sender(connection)
        sender.send("create the policy", verifier.create_policy(policy))
        data = sender.result(**data)
    emit(run, data, lambda: _view(policy, data))


@command(group, "show")
def show(run: Run, policy: PolicyId) -> None:
    """Show a policy, and what its guardian took out of it."""
    from offchain_workers.cli.network import connect
    from verifiers.teeml.market import policy_of, verifier_of

    policy_id = identifier(policy, "policy")
    network = connect(run).network
    verifier = verifier_of(network)
    found = policy_of(network, verifier, policy_id)
    _, least, removed, _ = verifier.read("policy_state", policy_id)
    places = [place for place in range(len(found.measurements)) if removed >> place & 1]
    platforms = _removed_platforms(network, verifier, policy_id)
    data = _shown(found) | {"removed": places, "min_evaluation": least}
    data |= {"removed_platforms": platforms}
    emit(run, data, lambda: _view(found, data))


@command(group, "remove")
def remove(
    run: Run,
    policy: PolicyId,
    measurement: Annotated[
        int | None,
        typer.Option("--measurement", min=0, metavar="PLACE", help="As `show` counts them."),
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option("--platform", metavar="HEX", help="12 bytes, as `status` shows them."),
    ] = None,
    evaluation: Annotated[
        int | None,
        typer.Option("--below", min=1, metavar="NUMBER", help="Evaluations lower than this."),
    ] = None,
    account: Signer = None,
) -> None:
    """As a policy's guardian: no key of this software or platform counts any more, at once."""
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from verifiers.teeml.market import policy_of, verifier_of

    what, argument = _removal(measurement, platform, evaluation)
    policy_id = identifier(policy, "policy")
    connection = connect(run, account)
    verifier = verifier_of(connection.network)
    if measurement is not None:
        _check_place(policy_of(connection.network, verifier, policy_id), measurement)
    sender = Sender(connection)
    sender.send(what.replace("_", " "), verifier.call(what, policy_id, argument))
    data = sender.result(policy=policy_id, done=what)
    emit(run, data, lambda: fields(data, {"policy": "Policy", "done": "Done"}))


def known_policy(connection: Connection, policy: str) -> dict[bytes, bytes]:
    """What a model's record says of a policy: method's selector to its id. Raises
    PolicyRefusedError when nobody created it."""
    from offchain_workers.chain.contracts.teeml_verifier import TEEML
    from verifiers.teeml.market import policy_of, verifier_of

    policy_id, network = identifier(policy, "policy"), connection.network
    policy_of(network, verifier_of(network), policy_id)
    return {TEEML: policy_id}


def _removal(
    measurement: int | None, platform: str | None, evaluation: int | None
) -> tuple[str, Any]:
    given: list[tuple[str, Any]] = []
    if measurement is not None:
        given.append(("remove_measurement", measurement))
    if platform is not None:
        given.append(("remove_platform", _platform(platform)))
    if evaluation is not None:
        given.append(("raise_evaluation", evaluation))
    if len(given) != 1:
        raise typer.BadParameter("give one of --measurement, --platform and --below")
    return given[0]


def _check_place(policy: Policy, place: int) -> None:
    """The contract takes any place, and nothing would be taken out."""
    last = len(policy.measurements) - 1
    if place > last:
        raise FusionError("MN-CLI-004", f"no measurement {place} in the policy; its last is {last}")


def _removed_platforms(network: Network, verifier: TeemlVerifier, policy_id: bytes) -> list[bytes]:
    from offchain_workers.chain.past import Past

    past, last = Past(verifier, network.start_block), int(network.marketplace.w3.eth.block_number)
    taken = past.newest_first({"PlatformRemoved"}, policy_id, last)
    return [event.args["platform"] for event in taken]


def _view(policy: Policy, data: dict[str, Any]) -> RenderableType:
    """Measurements with their places, which `remove` takes, and what is compared with them."""
    shown = [
        f"{place}: 0x{one.value.hex()} {_kind(one)}"
        for place, one in enumerate(policy.measurements)
    ]
    return fields(data | {"measurements": "\n".join(shown)}, _LABELS)


def _kind(one: Measurement) -> str:
    if one.tdx:
        return "TDX with RTMR3" if one.runtime else "TDX"
    return f"SGX from SVN {one.svn}"


def _platform(text: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 12:
        raise FusionError("MN-CLI-004", f"{text[:80]!r} is no platform: write 0x and 24 hex digits")
    return found


def _shown(policy: Policy) -> dict[str, Any]:
    from offchain_workers.units import Wei
    from verifiers.teeml.keypolicy import statuses_of

    return asdict(policy) | {
        "policy": policy.policy_id,
        "statuses": [str(status) for status in statuses_of(policy)],
        "measurements": [measurement.value for measurement in policy.measurements],
        "bond": Wei(policy.bond),
    }
