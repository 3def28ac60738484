# SPDX-License-Identifier: Apache-2.0
"""The offer sources and the ledger that the settings name."""

from __future__ import annotations

import os
from pathlib import Path

from offchain_workers.chain.db import Database
from offchain_workers.config.provider import Provider
from offchain_workers.passwords import first_line
from offchain_workers.providers.akash import AkashSource
from offchain_workers.providers.base import OfferSource
from offchain_workers.providers.console_api import ConsoleApi
from offchain_workers.providers.errors import KeyRefusedError
from offchain_workers.providers.ready import is_ready
from offchain_workers.providers.static import StaticSource
from offchain_workers.providers.tables import PROVIDER_SCHEMA

KEY_VARIABLE = "FUSION_AKASH_KEY"


def build_sources(config: Provider) -> dict[str, OfferSource]:
    """By name: those that are configured. Raises MN-KEY-008, MN-PROV-003."""
    sources: dict[str, OfferSource] = {}
    if config.static:
        sources["static"] = StaticSource(config.static, is_ready)
    key = _key(config.akash_key_file)
    if key:
        sources["akash"] = AkashSource(ConsoleApi(config.akash_url, key))
    return sources


def open_ledger(config: Provider, exclusive: bool) -> Database:
    """Raises ChainError."""
    prefix = "sqlite:///"
    if config.database.startswith(prefix):
        Path(config.database.removeprefix(prefix)).parent.mkdir(0o700, parents=True, exist_ok=True)
    return Database(config.database, {"provider": PROVIDER_SCHEMA}, exclusive)


def _key(file: Path | None) -> str:
    """Empty when there is none."""
    key = os.environ.get(KEY_VARIABLE) or (first_line(file) if file else "")
    if not key.isprintable() or not key.isascii():
        raise KeyRefusedError("the Console API key is not plain text")
    return key
