# SPDX-License-Identifier: Apache-2.0
"""Proofs outside of a market: made and verified with a bundle's files alone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offchain_workers.chain.contracts.zkml import ZKML
from offchain_workers.cli import files
from offchain_workers.cli.progress import waiting
from offchain_workers.cli.run import Run
from offchain_workers.codecs import get_codec, under
from verifiers.scratch import Scratch
from verifiers.zkml import bundle as bundles
from verifiers.zkml.bundle import Bundle
from verifiers.zkml.circuit import signed
from verifiers.zkml.keys import prepared
from verifiers.zkml.method import values_of
from verifiers.zkml.prover import SCRATCH, Proof, Prover
from verifiers.zkml.runner import Ezkl
from verifiers.zkml.srs import FOLDER

if TYPE_CHECKING:
    from verifiers.zkml.runner import Limits


def prove_with(
    run: Run, folder: Path, sample: Path, out: Path, srs: Path | None, limits: Limits
) -> dict[str, Any]:
    """Raises the errors of bundles, codecs, setups and ezkl."""
    found = bundles.read(folder)
    item = get_codec(found.card.codec).encode(under(found.card, ZKML), sample)
    values = values_of(found.card, item)
    with (
        Scratch(SCRATCH) as name,
        waiting(run, "proving") as report,
    ):
        place = Path(name)
        prover = prepared(found, place, srs or FOLDER, Ezkl(place, limits, report))
        began = time.monotonic()
        proof = prover.prove(values)
        seconds = time.monotonic() - began
    files.write(out, (json.dumps(proof.tree()) + "\n").encode())
    return {
        "out": out,
        "bytes": len(proof.data),
        "seconds": round(seconds, 3),
        "outputs": _outputs(found, proof),
    }


def verify_with(run: Run, folder: Path, path: Path, srs: Path | None) -> dict[str, Any]:
    """Raises EzklFailedError when it is no proof."""
    found = bundles.read(folder)
    proof = Proof.read(path)
    with Scratch(SCRATCH) as name, waiting(run, "verifying"):
        place = Path(name)
        found.write(place)
        prover = Prover(place, found.srs(place, srs or FOLDER).path)
        prover.check_version(found.description.ezkl)
        prover.verify(proof)
    return {"proof": path, "verified": True, "outputs": _outputs(found, proof)}


def _outputs(found: Bundle, proof: Proof) -> list[float]:
    values = proof.instances[found.circuit.inputs :]
    return [signed(value) / 2**found.circuit.output_scale for value in values]
