# SPDX-License-Identifier: Apache-2.0
"""`ape run publish ONNX CARD --registry ADDRESS --network ...`: list a model from an ape account.

`fusion model publish` also checks the model against its card and stores both files.
"""

from __future__ import annotations

from pathlib import Path

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand, network_option

from offchain_workers.models import ModelCard
from offchain_workers.storage import content_id

File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.argument("onnx", type=File)
@click.argument("card", type=File)
@click.option("--registry", required=True, help="Address of the ModelRegistry.")
@click.option("--royalty-bps", type=click.IntRange(0, 5_000), default=0, show_default=True)
@click.option("--uri", default="", help="Where others fetch the files by content id.")
@click.option("--account", help="Alias of an ape account (default: ape's first test account).")
def cli(
    onnx: Path, card: Path, registry: str, royalty_bps: int, uri: str, account: str | None
) -> None:
    """List a model: the hashes of its ONNX file and of its card."""
    publisher = accounts.load(account) if account else accounts.test_accounts[0]
    models = project.ModelRegistry.at(registry)
    hashes = [content_id(onnx.read_bytes()), ModelCard.from_json(card.read_bytes()).hash()]
    record = (*hashes, bytes(32), royalty_bps, [])
    models.publish(*record, uri, sender=publisher)
    model_id = models.model_id_of(publisher.address, *record)
    click.echo(f"model:0x{bytes(model_id).hex()}")
