# SPDX-License-Identifier: Apache-2.0
"""`fusion receipt`: check a gateway's receipt against the chain, which is all it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offchain_workers.cli.arguments import address
from offchain_workers.cli.output import emit, fields
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError

if TYPE_CHECKING:
    from offchain_workers.chain.contracts.marketplace import Marketplace
    from offchain_workers.chain.rpc import RpcPool
    from offchain_workers.requester.receipts import Receipt

group = typer.Typer(no_args_is_help=True, help="Check receipts of gateways.")

_LABELS = {
    "job_id": "Job",
    "operator": "Answered by",
    "requester": "Requested by",
    "model": "Model",
    "method": "Method",
    "items": "Items that are in it",
    "inputs_compared": "Inputs compared",
    "final": "Final",
}


@command(group, "verify")
def verify(
    run: Run,
    file: Annotated[Path, typer.Argument(help="The receipt, or an answer that holds one.")],
    rpc: Annotated[
        list[str] | None, typer.Option(help="RPC endpoint; repeat for more (default: configured).")
    ] = None,
    market: Annotated[
        str | None, typer.Option(help="The market that you trust (default: as deployed).")
    ] = None,
    item: Annotated[
        list[Path] | None,
        typer.Option("--item", help="Wire bytes of an item, in the receipt's order; repeat."),
    ] = None,
) -> None:
    """See that the chain holds the post, the answer, and your items in both."""
    from offchain_workers.requester.receipts import check, check_items

    receipt = _read(file)
    pool, trusted = _market(run, rpc, market)
    if item:
        check_items(receipt, [_bytes(path) for path in item])
    data = check(receipt, pool, trusted).model_dump()
    data["inputs_compared"] = bool(item)
    emit(run, data, lambda: fields(_shown(data), _LABELS))


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    from offchain_workers.cli.model_view import method_name

    return {**data, "method": method_name(bytes.fromhex(data["method"][2:]))}


def _read(file: Path) -> Receipt:
    """A receipt alone, a job of /v1/jobs, or an answer of /v2."""
    import orjson

    from offchain_workers.requester.receipts import Receipt, ReceiptUnreadableError

    data = _bytes(file)
    try:
        tree: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ReceiptUnreadableError(f"{file} is not JSON") from error
    if isinstance(tree, dict) and isinstance(tree.get("parameters"), dict):
        return Receipt.parse(str(tree["parameters"].get("receipt", "")).encode())
    if isinstance(tree, dict) and isinstance(tree.get("receipt"), dict):
        return Receipt.parse(orjson.dumps(tree["receipt"]))
    return Receipt.parse(data)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FusionError("MN-GATE-030", f"can't read {file}: {error.strerror}") from error


def _market(run: Run, rpc: list[str] | None, market: str | None) -> tuple[RpcPool, Marketplace]:
    from offchain_workers.chain.contracts.marketplace import Marketplace
    from offchain_workers.cli.network import open_pool
    from offchain_workers.config import find_deployment

    settings = run.settings({"chain": {"rpc_urls": rpc}} if rpc else None)
    if market is not None:
        pool = open_pool(run, settings, None)
        return pool, Marketplace(pool.w3, address(market))
    deployment = find_deployment(settings)
    pool = open_pool(run, settings, deployment.chain_id)
    return pool, Marketplace(pool.w3, deployment.addresses.marketplace)
