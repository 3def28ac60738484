# SPDX-License-Identifier: Apache-2.0
"""`fusion demo --method teeml`: enclaves answer and are paid, until one's platform is revoked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from offchain_workers.cli.output import emit, fields, table
from offchain_workers.cli.run import Run
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from offchain_workers.devnet import Kind
    from offchain_workers.localnet.demo import Demo
    from offchain_workers.localnet.teeml import TeemlMarket

_KEYS = {"worker": "Worker", "key": "Enclave key", "platform": "Platform", "gas": "Gas register"}
_REVOKED = {
    "worker": "Revoked",
    "refused": "Its delivery was refused",
    "invalidated_by": "Key invalidated by",
    "answered_by": "Answered by",
}


def play(
    run: Run,
    chain: Kind,
    keep: Path | None,
    say: Callable[[str], None],
    show: Callable[[ExitStack, Demo], None],
) -> None:
    """Raises MN-CLI-020 when something of it did not happen."""
    from offchain_workers.localnet.revocation import revoke
    from offchain_workers.localnet.teeml import start_market

    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusion-")))
        market = start_market(stack, folder, chain, say)
        played = market.demo()
        with ExitStack() as shown:
            show(shown, played)
        found = revoke(market)
        document = _document(market, played) | {
            "revoked": vars(found),
            "ok": found.ok and all(job.ok for job in played.jobs),
        }
        emit(run, document, lambda: _view(document))
    if document["ok"]:
        return
    if run.as_json:
        raise typer.Exit(1)  # the document says what failed
    raise FusionError("MN-CLI-020", "a job of the demo was not answered and paid, or not refused")


def _document(market: TeemlMarket, played: Demo) -> dict[str, Any]:
    devnet = market.net.devnet
    return {
        "chain": {"kind": devnet.kind, "id": devnet.chain_id, "url": devnet.url},
        "simulated": True,
        "policy": market.policy.policy_id,
        "keys": [
            {
                "worker": key.worker,
                "operator": key.operator,
                "key": key.address,
                "platform": key.platform,
                "expires": key.until,
                "gas": key.gas,
            }
            for key in market.keys
        ],
        "jobs": [job.document() for job in played.jobs],
    }


def _view(document: dict[str, Any]) -> RenderableType:
    from rich.console import Group

    revoked = document["revoked"]
    by = revoked["invalidated"].get("by")
    outcome = fields(revoked | {"invalidated_by": by}, _REVOKED)
    return Group(table(document["keys"], _KEYS), "", outcome)
