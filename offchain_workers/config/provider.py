# SPDX-License-Identifier: Apache-2.0
"""Settings of `fusion provider`."""

from __future__ import annotations

from pydantic import Field

from offchain_workers.config.fields import (
    DatabaseUrl,
    HomePath,
    HttpUrl,
    Section,
    Urls,
    database_field,
)


class Provider(Section):
    """Machines leased from others, for tier web3_share; see docs/tiers.md."""

    database: DatabaseUrl = database_field("leases", "the ledger of leases")
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
