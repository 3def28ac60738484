# SPDX-License-Identifier: Apache-2.0
"""Settings of `fusion relay`."""

from __future__ import annotations

from pydantic import Field

from offchain_workers.config.fields import (
    AddressList,
    HttpUrl,
    Section,
    listen_host_field,
    listen_port_field,
)


class Relay(Section):
    """The relay, through which workers that nobody can dial are reached."""

    listen_host: str = listen_host_field("the relay")
    listen_port: int = listen_port_field(8704, is_fixed=True)
    public_url: HttpUrl | None = Field(
        None,
        examples=["https://relay.example.org"],
        description="URL at which workers and others reach it, exactly as workers name it in "
        "worker.relay: they sign it. Unset: where it listens, for development.",
    )
    operators: AddressList = Field(
        (), description="Whose workers may connect. Empty: any operator of the market with stake."
    )
    max_nodes: int = Field(256, ge=1, description="Workers connected at the same time.")
    max_streams: int = Field(
        32, ge=1, le=1_024, description="Requests to one worker at the same time."
    )
    max_body_bytes: int = Field(
        64 << 20, ge=1, description="Largest body of a request or an answer, in bytes."
    )
    bytes_per_second: int = Field(
        8 << 20,
        ge=1,
        description="What one worker may move over time, both ways together; a minute's worth may "
        "go at once.",
    )
    requests_per_second: int = Field(
        100, ge=1, description="Requests to one worker over time; twice as many may come at once."
    )
