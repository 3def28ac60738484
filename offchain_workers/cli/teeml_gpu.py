# SPDX-License-Identifier: Apache-2.0
"""`fusion teeml gpu`: evidence of GPUs, and the claims that enclaves make of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import identifier
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.cli.teeml_files import At, moment_of, quote_bytes, read_file

if TYPE_CHECKING:
    from verifiers.teeml.gpu import GpuReport

_DEVICE = {"chip": "Chip", "driver": "Driver", "vbios": "VBIOS", "nonce": "Nonce"}
_CLAIMS = {"gpu_claims": "GPU claims", "nonce": "Nonce", "gpus": "GPUs"}


def add_to(group: typer.Typer) -> None:
    """Register the command."""
    command(group, "gpu")(gpu)


def gpu(
    run: Run,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", metavar="FILE", help="Request and response, SPDM.")
    ] = None,
    chain: Annotated[
        Path | None, typer.Option("--chain", metavar="FILE", help="Certificates, PEM.")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option("--nonce", metavar="HEX", help="What the GPU was asked.")
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option("--claims", metavar="FILE", help="What an enclave says of its GPUs, instead."),
    ] = None,
    golden: Annotated[
        Path | None,
        typer.Option("--golden", metavar="FILE", help="The vendor's measurements, JSON."),
    ] = None,
    at: At = None,
) -> None:
    """Check NVIDIA GPUs' evidence: chain, signature, nonce, firmware; with --golden debug state."""
    if claims is not None and (evidence, chain, nonce) == (None, None, None):
        data = _check_claims(claims, golden, moment_of(at))
        emit(run, data, lambda: fields(data, _CLAIMS))
    elif evidence is not None and chain is not None and nonce is not None and claims is None:
        asked = quote_bytes(evidence), read_file(chain), identifier(nonce, "nonce")
        data = _check_one(*asked, golden, moment_of(at))
        emit(run, data, lambda: fields(data, _DEVICE))
    else:
        raise typer.BadParameter("want --claims, or --evidence, --chain and --nonce")


def shown(data: bytes) -> dict[str, Any]:
    """Of a file of claims, unchecked. Raises GpuClaimsError, GpuChainError, GpuEvidenceError."""
    from verifiers.teeml.gpu import read_gpu
    from verifiers.teeml.gpus import GpuClaims

    found = GpuClaims.parse(data)
    reports = [read_gpu(one.evidence, one.chain.encode()) for one in found.devices]
    return {"gpu_claims": found.digest(), "gpus": _lines(reports)}


def _check_claims(path: Path, golden: Path | None, at: int) -> dict[str, Any]:
    from verifiers.teeml.gpus import GpuClaims

    found = GpuClaims.parse(read_file(path))
    reports = found.check(at)
    for report in reports:
        _compare(report, golden)
    return {"gpu_claims": found.digest(), "nonce": found.nonce, "gpus": _lines(reports)}


def _check_one(
    evidence: bytes, chain: bytes, nonce: bytes, golden: Path | None, at: int
) -> dict[str, Any]:
    from verifiers.teeml.gpu import check_gpu

    found = check_gpu(evidence, chain, nonce, at)
    _compare(found, golden)
    measurements = {str(index): value for index, value in found.measurements.items()}
    return {name: getattr(found, name) for name in _DEVICE} | {"measurements": measurements}


def _compare(report: GpuReport, golden: Path | None) -> None:
    from verifiers.teeml.gpus import Golden

    if golden is not None:
        Golden.parse(read_file(golden)).check(report)


def _lines(reports: Sequence[GpuReport]) -> list[str]:
    return [f"{one.chip}, driver {one.driver}, VBIOS {one.vbios}" for one in reports]
