# SPDX-License-Identifier: Apache-2.0
"""`fusion observations`: what gateways' canaries saw of operators, signed by the gateways."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import address
from offchain_workers.cli.output import emit, fields, moment, table
from offchain_workers.cli.run import Run, command

if TYPE_CHECKING:
    from offchain_workers.canaries import Observations, Observed

group = typer.Typer(no_args_is_help=True, help="Read what gateways' canaries saw of operators.")

Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE...", help="Gateways' URLs, or files.")
]
_COLUMNS = {
    "operator": "operator",
    "model": "model",
    "right": "right",
    "wrong": "wrong",
    "refused": "refused",
    "unheard": "unheard",
    "p50": "p50",
    "p95": "p95",
    "claim": "hardware",
    "observer": "observer",
}
_LABELS = {
    "observer": "signed by",
    "issued": "issued",
    "since": "since",
    "chain_id": "chain",
    "contract": "subnet registry",
    "operators": "operators",
    "content_id": "content id",
}


@command(group, "list")
def list_(
    run: Run,
    sources: Sources,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            "--trust", metavar="ADDRESS", help="Weigh only what this observer says. Repeatable."
        ),
    ] = None,
) -> None:
    """List what observers saw, and what those trusted say together of each operator."""
    from offchain_workers.canaries import open_observations, weigh

    documents = [open_observations(document) for each in sources for document in _read(each)]
    trusted = {address(one) for one in trust or []} or {one.observer for one in documents}
    weighed = weigh(documents, dict.fromkeys(trusted, 1.0))
    data = {
        "observations": [_entry(one, seen) for one in documents for seen in one.observed],
        "weighed": [
            {"operator": operator, "right_share": round(share, 4), "observers": round(weight)}
            for operator, (share, weight) in sorted(weighed.items())
        ],
    }
    emit(run, data, lambda: table(data["observations"], _COLUMNS))


@command(group, "verify")
def verify(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A document of observations.")],
    observer: Annotated[
        str | None,
        typer.Option("--observer", metavar="ADDRESS", help="Who must have signed it."),
    ] = None,
) -> None:
    """Check who signed a document of observations, and for which chain."""
    from offchain_workers.canaries import ObservationsInvalidError, open_observations
    from offchain_workers.storage import content_id

    document = _file(file)
    found = open_observations(document)
    if observer is not None and found.observer != address(observer):
        raise ObservationsInvalidError(f"signed by {found.observer}, not by {observer}")
    data = {
        "observer": found.observer,
        "issued": moment(found.issued_at),
        "since": moment(found.since),
        "chain_id": found.chain_id,
        "contract": found.contract,
        "operators": len({seen.operator for seen in found.observed}),
        "content_id": content_id(document),
    }
    emit(run, data, lambda: fields(data, _LABELS))


def _read(source: str) -> list[bytes]:
    if source.startswith(("http://", "https://")):
        from offchain_workers.canaries.board import fetch

        return fetch(source)
    return [_file(Path(source))]


def _file(path: Path) -> bytes:
    from offchain_workers.canaries import ObservationsUnreachableError

    try:
        return path.read_bytes()
    except OSError as error:
        raise ObservationsUnreachableError(f"{path}: {error.strerror}") from error


def _entry(document: Observations, seen: Observed) -> dict[str, Any]:
    return {
        **seen.model_dump(mode="json"),
        "p50": _milliseconds(seen.p50_us),
        "p95": _milliseconds(seen.p95_us),
        "observer": document.observer,
        "issued_at": document.issued_at,
    }


def _milliseconds(micros: int | None) -> str | None:
    return None if micros is None else f"{micros / 1000:.1f} ms"
