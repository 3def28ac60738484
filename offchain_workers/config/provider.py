# SPDX-License-Identifier: Apache-2.0
"""Settings of `fusion provider`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from offchain_workers.config.base import HomePath, HttpUrl, Section, Urls
from offchain_workers.config.values import expand_database


class Provider(Section):
    """Machines leased from others, for tier web3_share; see docs/tiers.md."""

    database: Annotated[str, BeforeValidator(expand_database)] = Field(
        "sqlite:///~/.fusion/leases.db",
        repr=False,
        description="SQLAlchemy URL of the ledger of leases (SQLite or PostgreSQL).",
    )
    static: Urls = Field(
        (), description="Base URLs of servers that you leased elsewhere, for the source static."
    )
    akash_url: HttpUrl = Field(
        "https://console-api.akash.network", description="Akash's Console API."
    )
    akash_key_file: HomePath | None = Field(
        None,
        examples=["~/.fusion/akash-key"],
        description="File with the Console API key, readable by you alone. Unset: taken from the "
        "environment variable FUSION_AKASH_KEY.",
    )
