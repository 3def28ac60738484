# SPDX-License-Identifier: Apache-2.0
"""The file that tells every role where the contracts are (read by `config.find_deployment`)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offchain_workers.chain.contracts import ChainParams, Network
from offchain_workers.errors import FusionError


def check_free(path: Path) -> None:
    """Before anything is spent. Raises MN-CLI-010 when the file exists or can't be made."""
    if path.exists():
        raise FusionError("MN-CLI-010", f"{path} exists: move it away, or choose another --out")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise FusionError("MN-CLI-010", f"can't write into the folder {path.parent.absolute()}")


def describe(
    network: Network,
    chain_id: int,
    params: ChainParams,
    owner: str,
    methods: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the file holds; amounts are strings of wei. ``methods`` name to address: for people,
    programs ask the market."""
    return {
        "chain_id": chain_id,
        "start_block": network.start_block,
        "addresses": {
            "marketplace": network.marketplace.address,
            "models": network.models.address,
            "subnets": network.subnets.address,
        },
        "methods": dict(methods or {}),
        "owner": owner,
        "params": {
            name: str(value) if isinstance(value, int) and value > 2**53 else value
            for name, value in asdict(params).items()
        },
    }


def write(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all, never over another file. Raises MN-CLI-010 with the addresses."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".deployment-") as folder:
            draft = Path(folder) / "draft.json"
            draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            os.link(draft, path)
    except OSError as error:
        kept = json.dumps(document["addresses"])
        raise FusionError(
            "MN-CLI-010", f"can't write {path}: {error.strerror}; the contracts are at {kept}"
        ) from error
