# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml`: look into a quote of trusted hardware, and check it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from offchain_workers.cli import teeml_collateral, teeml_gpu, teeml_keys, teeml_policy
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.teeml_files import (
    At,
    QuoteFile,
    RootFile,
    collateral_of,
    moment_of,
    quote_bytes,
    read_file,
)

if TYPE_CHECKING:
    from verifiers.teeml.collateral import Collateral
    from verifiers.teeml.policy import Policy
    from verifiers.teeml.quote import Quote
    from verifiers.teeml.roots import Root
    from verifiers.teeml.verify import Verdict

group = typer.Typer(no_args_is_help=True, help="Trusted hardware: quotes, keys, policies.")
group.add_typer(teeml_collateral.group, name="collateral")
group.add_typer(teeml_policy.group, name="policy")
teeml_keys.add_to(group)
teeml_gpu.add_to(group)

_VERDICT = {
    "accepted": "Accepted",
    "status": "Status",
    "advisories": "Advisories",
    "reason": "Reason",
}
_COMMON = {
    "version": "Quote version",
    "tee": "Hardware",
    "fmspc": "FMSPC",
    "ppid": "Platform",
    "pcesvn": "PCE SVN",
    "sgx_svns": "SGX SVNs",
    "measurement": "Measurement",
    "report_data": "Report data",
}
_SGX = {"mrenclave": "MRENCLAVE", "mrsigner": "MRSIGNER", "isvprodid": "Product", "isvsvn": "SVN"}
_TDX = {
    "runtime_measurement": "Measurement with RTMR3",
    "tee_tcb_svn": "TDX SVNs",
    "attributes": "Attributes",
    "mrtd": "MRTD",
    "mrconfigid": "MRCONFIGID",
    "rtmrs": "RTMRs",
}
_GPU = {"gpu_claims": "GPU claims", "gpus": "GPUs"}


@command(group, "inspect")
def inspectquote_bytes(
    run: Run,
    quote: QuoteFile,
    gpu: Annotated[
        Path | None,
        typer.Option("--gpu", metavar="FILE", help="Claims about GPUs that came with the quote."),
    ] = None,
) -> None:
    """Show what a quote says, and claims about GPUs. Nothing of it is checked."""
    from verifiers.teeml.quote import Quote

    parsed = Quote.parse(quote_bytes(quote))
    data = _common(parsed) | _report(parsed)
    labels = _COMMON | (_TDX if parsed.is_tdx else _SGX)
    if gpu is not None:
        data, labels = data | teeml_gpu.shown(read_file(gpu)), labels | _GPU
    emit(run, data, lambda: fields(data, labels))


@command(group, "verify")
def verifyquote_bytes(
    run: Run,
    quote: QuoteFile,
    collateral: Annotated[
        Path,
        typer.Option(
            "--collateral", metavar="PATH", help="The platform's collateral: JSON, or a folder."
        ),
    ],
    at: At = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="What is accepted, JSON."),
    ] = None,
    root: RootFile = None,
    onchain: Annotated[
        bool,
        typer.Option("--onchain", help="Ask the contracts, on a chain of that time made for it."),
    ] = False,
) -> None:
    """Check a quote as the contracts do; whatever is refused comes with its reason."""
    from verifiers.teeml.policy import Policy
    from verifiers.teeml.roots import INTEL, read_root
    from verifiers.teeml.verify import verify

    raw = quote_bytes(quote)
    question = _Question(
        raw,
        collateral_of(collateral, raw),
        moment_of(at),
        Policy() if policy is None else Policy.parse(read_file(policy)),
        INTEL if root is None else read_root(read_file(root)),
    )
    verdict = _ask_contracts(run, question) if onchain else verify(*question)
    data = {name: getattr(verdict, name) for name in _VERDICT}
    emit(run, data, lambda: fields(data, _VERDICT))
    if not verdict.accepted:
        raise typer.Exit(1)


class _Question(NamedTuple):
    quote: bytes
    collateral: Collateral
    at: int
    policy: Policy
    root: Root


def _ask_contracts(run: Run, asked: _Question) -> Verdict:
    from offchain_workers.cli.progress import waiting

    with waiting(run, "asking the contracts"):
        from offchain_workers.chain.wallet import Wallet
        from offchain_workers.devnet import dev_accounts, require_py_evm

        require_py_evm()
        from offchain_workers.devnet.still import still_chain
        from verifiers.teeml.judge import judge

        w3 = still_chain(asked.at)
        wallet = Wallet(w3, dev_accounts()[0])
        return judge(w3, wallet, asked.quote, asked.collateral, asked.policy, asked.root)


def _common(quote: Quote) -> dict[str, Any]:
    from verifiers.teeml.certificates import read_leaf
    from verifiers.teeml.pck import Pck

    pck = Pck.of(read_leaf(quote.chain).extensions)
    return {
        "version": quote.version,
        "tee": "tdx" if quote.is_tdx else "sgx",
        "fmspc": pck.fmspc,
        "ppid": pck.ppid,
        "pcesvn": pck.pcesvn,
        "sgx_svns": bytes(pck.sgx),
        "measurement": quote.measurement,
        "report_data": quote.report.report_data,
    }


def _report(quote: Quote) -> dict[str, Any]:
    names = _TDX if quote.is_tdx else _SGX
    own = {name: getattr(quote.report, name) for name in names if name != "runtime_measurement"}
    return own | ({"runtime_measurement": quote.runtime_measurement} if quote.is_tdx else {})
