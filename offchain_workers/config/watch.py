# SPDX-License-Identifier: Apache-2.0
"""The watcher's table of the configuration."""

from __future__ import annotations

from pydantic import Field

from offchain_workers.config.fields import (
    DatabaseUrl,
    ModelIds,
    Section,
    WeiAmount,
    database_field,
    listen_host_field,
    listen_port_field,
)


class Watch(Section):
    """The challenger's daemon, which runs claims under `opml` again."""

    listen_host: str = listen_host_field()
    listen_port: int = listen_port_field(8701)
    database: DatabaseUrl = database_field("watch", "the watcher's database")
    models: ModelIds = Field(
        (), description='Models to watch, each as "model:0x...". Empty: all of the market.'
    )
    share: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the claims to run again, drawn by job and your address; 1 is all.",
    )
    budget_wei: WeiAmount = Field(
        10**17,
        description='Most that may be in bonds at a time, lost ones included, in wei or as in "0.1 '
        'ether".',
    )
    bond_margin_bps: int = Field(
        2_500,
        ge=0,
        le=100_000,
        description="What to add to the least bond, in basis points of it: the base fee moves "
        "before the game is opened. It comes back with the bond.",
    )
    window_margin_seconds: int = Field(
        60, ge=0, description="Open no game when less than this is left of a claim's window."
    )
    one_endpoint: bool = Field(
        False,
        description="Bond on the word of a single RPC endpoint. On development chains one is "
        "enough anyway, if no second one is configured.",
    )
    dry_run: bool = Field(False, description="Judge and report; send nothing.")
    threads: int = Field(1, ge=1, description="Claims run again at the same time.")
    gas_price_cap_gwei: float = Field(
        500.0, gt=0, description="Never pay more than this for gas, in gwei."
    )
    sweep_seconds: int = Field(60, ge=1, description="Seconds between looks for money to withdraw.")
    withdraw_above_wei: WeiAmount | None = Field(
        0,
        description="Withdraw bonds and rewards that came back above this.",
    )
