# SPDX-License-Identifier: Apache-2.0
"""The gateway's table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from offchain_workers.config.fields import (
    DatabaseUrl,
    HomePath,
    HttpUrl,
    Section,
    Urls,
    WeiAmount,
    database_field,
    listen_host_field,
    listen_port_field,
)


class Gateway(Section):
    """The gateway's daemon: where wishes arrive over HTTP."""

    listen_host: str = listen_host_field()
    listen_port: int = listen_port_field(8702)
    public_url: HttpUrl | None = Field(
        None,
        examples=["https://gateway.example.org"],
        description="URL at which others reach the endpoint, behind a proxy.",
    )
    relay: bool = Field(
        False,
        description="Be a relay, too, at /relay below public_url, with the limits and operators of "
        "[relay]: worker.relay names that URL.",
    )
    database: DatabaseUrl = database_field("gateway", "the gateway's database")
    keys_file: HomePath = Field(
        Path("~/.fusion/gateway-keys.json"),
        description="API keys and their quotas, as `fusion apikey` writes them.",
    )
    origins: Urls = Field(
        (),
        description="Web pages of these origins may call the API from a browser.",
    )
    open: bool = Field(
        False,
        description="Let callers without an API key spend, too, each address under the default "
        "quota below (development only).",
    )
    requests_per_minute: int = Field(
        600, ge=1, description="Requests of one caller, where its key says nothing else."
    )
    spend_per_hour_wei: WeiAmount = Field(
        10**17,
        description="Most that jobs of one caller may cost in an hour, where its key says nothing "
        'else, in wei or as in "0.1 ether".',
    )
    max_in_flight: int = Field(
        64, ge=1, description="Unanswered items of one caller, where its key says nothing else."
    )
    blob_bytes_per_hour: int = Field(
        268_435_456, ge=0, description="Bytes that one caller may upload in an hour."
    )
    total_spend_per_hour_wei: WeiAmount = Field(
        10**18, description="Most that the gateway spends in an hour for all callers together."
    )
    form_subnets: bool = Field(
        True,
        description="Request and form a subnet where no live one fits, for its tip, which counts "
        "as spent by the caller.",
    )
    max_body_bytes: int = Field(
        8_388_608, ge=1_024, description="Largest request other than an upload, in bytes."
    )
    max_blob_bytes: int = Field(67_108_864, ge=1, description="Largest upload, in bytes.")
    max_streams: int = Field(
        64, ge=1, description="Event streams open at the same time, for all callers."
    )
    preparing: int = Field(8, ge=1, description="Jobs prepared at the same time.")
    turn_seconds: int = Field(
        30, ge=1, description="Head start of each member over the next, where a wish says nothing."
    )
    deliver_seconds: int = Field(
        600, ge=10, description="Seconds for an answer, where a wish says nothing."
    )
    answer_seconds: float = Field(
        120.0,
        gt=0,
        description="Seconds that a caller of /v2 waits for its answer.",
    )
    batch_cap_seconds: float = Field(
        1.0,
        ge=0,
        description="Longest that a batch waits for the post of the batch before it.",
    )
    spot_check_percent: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Share of its own answered jobs of method none that the gateway runs again to "
        "find wrong answers, in percent. Needs the extra cpu or gpu.",
    )
    wrong_answer_pause_seconds: int = Field(
        3600,
        ge=1,
        description="Seconds without jobs for an operator after a wrong answer; twice as long "
        "after the next.",
    )
    observations_seconds: int = Field(
        3600, ge=1, description="How often it publishes, signed, what its spot checks saw."
    )
    gas_price_cap_gwei: float = Field(
        200.0, gt=0, description="Never pay more than this for gas, in gwei."
    )
