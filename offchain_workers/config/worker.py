# SPDX-License-Identifier: Apache-2.0
"""The worker's table of the configuration."""

from __future__ import annotations

from pydantic import Field

from offchain_workers.config.fields import (
    DatabaseUrl,
    HttpUrl,
    ModelIds,
    RelayUrl,
    Section,
    WeiAmount,
    database_field,
    listen_host_field,
    listen_port_field,
)


class Worker(Section):
    """The operator's daemon."""

    listen_host: str = listen_host_field()
    listen_port: int = listen_port_field(8700)
    public_url: HttpUrl | None = Field(
        None,
        examples=["https://worker.example.org"],
        description="URL at which others reach the endpoint, as your manifest names it. Unset with "
        "a relay: its URL for you.",
    )
    relay: RelayUrl | None = Field(
        None,
        examples=["https://relay.example.org"],
        description="Behind NAT: the relay to dial out to. The worker then listens nowhere.",
    )
    database: DatabaseUrl = database_field("worker", "the worker's database")
    models: ModelIds = Field(
        (), description='Models to serve, each as "model:0x...". Empty: all that you offer.'
    )
    min_profit_wei: WeiAmount = Field(
        0, description='Least profit of a job after gas, in wei or as in "0.001 ether".'
    )
    max_in_flight: int = Field(8, ge=1, description="Jobs worked on at the same time.")
    accept_seconds: int = Field(
        60, ge=5, le=3_600, description="Seconds for which a signed acceptance can be posted."
    )
    accept_pledge_bps: int = Field(
        5_000,
        ge=0,
        le=10_000,
        description="Stake pledged with an acceptance, as a share of what the job would pay in "
        "basis points (10000 = all of it); for prices in the chain's own coin.",
    )
    accept_pledge_wei: WeiAmount = Field(
        10**15, description="Stake pledged where the price is in a token."
    )
    max_promises: int = Field(
        32, ge=1, description="Acceptances outstanding and jobs owed at the same time."
    )
    min_turn_seconds: int = Field(
        30,
        ge=0,
        description="Skip jobs whose turn is shorter than this many seconds: long enough for a few "
        "blocks, or a delivery in time is luck.",
    )
    deliver_margin_seconds: int = Field(
        30, ge=0, description="Seconds that must remain before the deadline after the run."
    )
    gas_price_cap_gwei: float = Field(
        200.0, gt=0, description="Never pay more than this for gas, in gwei."
    )
    callback_gas_cap: int = Field(
        500_000, ge=0, description="Skip jobs whose callback asks for more gas than this."
    )
    breaker_failures: int = Field(
        5, ge=1, description="Failures within the window below that pause the worker."
    )
    breaker_window_seconds: int = Field(
        300, ge=1, description="Seconds over which failures are counted."
    )
    breaker_pause_seconds: int = Field(
        60, ge=1, description="Seconds without new jobs after the circuit breaker opens."
    )
    sweep_seconds: int = Field(
        300, ge=1, description="Seconds between comparisons of the database with the contracts."
    )
    withdraw_above_wei: WeiAmount | None = Field(
        None,
        examples=["0.1 ether"],
        description="Withdraw earnings in the chain's own coin above this. Unset: never.",
    )
    keeper: bool = Field(
        False, description="Close expired jobs of your subnets where the tip pays for the gas."
    )
    audit: bool = Field(
        True,
        description="Run claims of your subnets' other members again when an audit names you, for "
        "its pay.",
    )
    audit_budget_wei: WeiAmount = Field(
        10**17,
        description="Most that may be at a time in bonds against claims that an audit found wrong, "
        'in wei or as in "0.1 ether"; 0: only report them.',
    )
    announce_manifest: bool = Field(
        True,
        description="Announce manifest and public_url on the chain whenever they changed.",
    )
