# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml collateral`: fetch what quotes are checked with, bring it to the chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli import files
from offchain_workers.cli.arguments import Signer
from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.teeml_files import (
    QuoteFile,
    RootFile,
    collateral_of,
    moment_of,
    quote_bytes,
    read_file,
)

if TYPE_CHECKING:
    from verifiers.teeml.collateral import Collateral

group = typer.Typer(no_args_is_help=True, help="What quotes are checked with.")

_FETCHED = {
    "out": "Collateral",
    "status": "Status now",
    "reason": "Reason",
    "early_status": "Status after the next TCB recovery",
    "recovery_is_coming": "Differs",
}
_STEPS = {"what": "Piece", "sent": "Sent", "reason": "Why not", "tx": "Transaction"}

PcsUrl = Annotated[
    str, typer.Option("--pcs", metavar="URL", help="Intel's service, or a cache of it.")
]
RootCrlUrl = Annotated[
    str, typer.Option("--root-crl", metavar="URL", help="Where the root's revocations are.")
]
_PCS = "https://api.trustedservices.intel.com"
_ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"


@command(group, "fetch")
def fetch(
    run: Run,
    quote: QuoteFile,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it goes, JSON.")],
    pcs: PcsUrl = _PCS,
    root_crl: RootCrlUrl = _ROOT_CRL,
    root: RootFile = None,
) -> None:
    """Fetch what a quote is checked with, and warn of a TCB recovery that is coming."""
    from offchain_workers.cli.progress import waiting
    from verifiers.teeml.collateral import Collateral
    from verifiers.teeml.pcs import Pcs
    from verifiers.teeml.quote import Quote
    from verifiers.teeml.roots import INTEL, read_root
    from verifiers.teeml.verify import verify

    data, service = quote_bytes(quote), Pcs(pcs, root_crl)
    with waiting(run, "fetching collateral"):
        found = service.collateral(Quote.parse(data))
        early = service.collateral(Quote.parse(data), "early")
    trust = INTEL if root is None else read_root(read_file(root))
    verdicts = [
        verify(data, Collateral.parse(json.dumps(given)), moment_of(None), None, trust)
        for given in (found, early)
    ]
    files.write(out, json.dumps(found).encode())
    shown = {
        "out": out,
        "status": verdicts[0].status,
        "reason": verdicts[0].reason,
        "early_status": verdicts[1].status,
        "recovery_is_coming": verdicts[0].status != verdicts[1].status,
    }
    emit(run, shown, lambda: fields(shown, _FETCHED))


@command(group, "sync")
def sync(
    run: Run,
    quote: Annotated[
        Path | None,
        typer.Option("--quote", metavar="FILE", help="Fetch what this quote is checked with."),
    ] = None,
    collateral: Annotated[
        Path | None,
        typer.Option("--collateral", metavar="PATH", help="Fetched before: JSON, or a folder."),
    ] = None,
    pcs: PcsUrl = _PCS,
    root_crl: RootCrlUrl = _ROOT_CRL,
    account: Signer = None,
) -> None:
    """Bring collateral to the chain, as far as it is news there. Anyone may; nothing is trusted."""
    from offchain_workers.chain.errors import CallRevertedError
    from offchain_workers.cli.network import connect
    from offchain_workers.cli.sending import Sender
    from verifiers.teeml.market import verifier_of
    from verifiers.teeml.onchain import steps

    given = _given(quote, collateral, pcs, root_crl)
    connection = connect(run, account)
    contract = verifier_of(connection.network).collateral()
    sender = Sender(connection)
    rows: list[dict[str, Any]] = []
    for step in steps(given):
        try:
            sent = sender.send(step.function, contract.call(step.function, *step.args))
        except CallRevertedError as error:
            rows.append({"what": step.function, "sent": False, "reason": error.message})
            continue
        rows.append({"what": step.function, "sent": True, "tx": sent.tx})
    data = sender.result(steps=rows)
    emit(run, data, lambda: table(rows, _STEPS))


def _given(quote: Path | None, collateral: Path | None, pcs: str, root_crl: str) -> Collateral:
    from verifiers.teeml.collateral import Collateral
    from verifiers.teeml.pcs import Pcs
    from verifiers.teeml.quote import Quote

    if (quote is None) == (collateral is None):
        raise typer.BadParameter("give --quote to fetch collateral, or --collateral")
    if collateral is not None:
        return collateral_of(collateral)
    assert quote is not None  # one of the two is given
    found = Pcs(pcs, root_crl).collateral(Quote.parse(quote_bytes(quote)))
    return Collateral.parse(json.dumps(found))
