# SPDX-License-Identifier: Apache-2.0
"""Every setting, its default and its description; `fusion init` writes its file from this."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from offchain_workers.config.engine import Engine
from offchain_workers.config.fields import (
    Address,
    AddressList,
    HomePath,
    HttpUrl,
    Section,
    Urls,
)
from offchain_workers.config.gateway import Gateway
from offchain_workers.config.provider import Provider
from offchain_workers.config.relay import Relay
from offchain_workers.config.watch import Watch
from offchain_workers.config.worker import Worker

_EXAMPLE_ADDRESS = "0x" + "00" * 19 + "01"


class Addresses(Section):
    """Contract addresses, where no deployment file names them."""

    marketplace: Address | None = Field(
        None, examples=[_EXAMPLE_ADDRESS], description="The JobMarketplace contract."
    )
    models: Address | None = Field(
        None, examples=[_EXAMPLE_ADDRESS], description="The ModelRegistry contract."
    )
    subnets: Address | None = Field(
        None, examples=[_EXAMPLE_ADDRESS], description="The SubnetRegistry contract."
    )


class Chain(Section):
    """The chain and the contracts on it."""

    rpc_urls: Urls = Field(
        ("http://127.0.0.1:8545",),
        min_length=1,
        description="JSON-RPC endpoints. With two or more, they must agree on chain and height.",
    )
    chain_id: int | None = Field(
        None,
        ge=1,
        examples=[31337],
        description="Refuse endpoints of any other chain. Unset: as deployed.",
    )
    confirmations: int = Field(
        1, ge=0, description="Blocks on top of a block before its events count as settled."
    )
    poll_seconds: float = Field(1.0, gt=0, description="Seconds between looks for a new block.")
    start_block: int | None = Field(
        None,
        ge=0,
        examples=[0],
        description="First block to read events from. Unset: as deployed.",
    )
    deployment: HomePath | None = Field(
        None,
        examples=["deployment.json"],
        description="The file that `fusion deploy` wrote: chain, start block and addresses.",
    )
    addresses: Addresses = Field(default_factory=Addresses)


class Account(Section):
    """The key that signs. Only encrypted keystores: no key material belongs in this file."""

    folder: HomePath = Field(Path("~/.fusion/keys"), description="Folder of keystores.")
    keystore: str | None = Field(
        None,
        examples=["alice"],
        description="A name in the folder (see `fusion account list`) or a keystore file.",
    )
    password_file: HomePath | None = Field(
        None,
        examples=["~/.fusion/password"],
        description="File with the keystore's password, readable by you alone. Unset: asked for, "
        "or taken from the environment variable FUSION_PASSWORD.",
    )


class Storage(Section):
    """Content-addressed blobs: models, inputs, artifacts."""

    folder: HomePath = Field(Path("~/.fusion/blobs"), description="Local folder of blobs.")
    peers: Urls = Field(
        (), description="HTTP stores to read blobs from when the folder lacks them."
    )
    allow_private: bool = Field(
        False, description="Allow peers at private or loopback addresses (development only)."
    )
    max_bytes: int = Field(1_073_741_824, gt=0, description="Largest blob to fetch, in bytes.")


class Vouching(Section):
    """Whose word compiled models (those with an artifact) are taken on; see the operator's page."""

    required: bool = Field(
        True,
        description="Serve and watch compiled models only that were attested, that you published, "
        "or that you checked (`fusion model check`). Off: a file made to fail on one secret input "
        "can cost a worker its bond; watchers judge such models by the reference, slowly.",
    )
    attesters: AddressList = Field(
        (),
        description="Whose attestations count. Empty: of anybody with stake, but the publisher.",
    )


class Teeml(Section):
    """The trusted hardware of method `teeml`; what is not yours stays as it is."""

    provider: Literal["auto", "configfs-tsm", "dstack", "gramine", "simulated"] = Field(
        "auto",
        description="Where quotes come from; simulated is for development chains alone.",
    )
    socket: HomePath | None = Field(
        None,
        examples=["/run/enclave/socket"],
        description="The socket of an enclave that runs already. Unset: the worker starts one.",
    )
    platform: str = Field(
        "platform", min_length=1, max_length=64, description="Simulated: which machine this is."
    )
    deliver: Literal["signed", "quoted"] = Field(
        "signed",
        description="By a registered key's signature, or with a quote of each answer and no key.",
    )
    gpu: Literal["none", "nvml", "simulated"] = Field(
        "none",
        description="Whose evidence the enclave collects with each key: NVIDIA's GPUs, or a"
        " simulated one.",
    )
    gpu_golden: HomePath | None = Field(
        None,
        examples=["/etc/fusion/gpu-golden.json"],
        description="NVIDIA's measurements of the GPUs' firmware, JSON; nvml needs it.",
    )
    pcs: HttpUrl = Field(
        "https://api.trustedservices.intel.com",
        description="Where collateral comes from: Intel's service, or a cache of it.",
    )
    root_crl: HttpUrl = Field(
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        description="Where the root's revocations come from.",
    )


class Log(Section):
    """What the processes say, on standard error."""

    format: Literal["console", "json"] = Field("console", description="For people or machines.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe messages that are shown."
    )


class Settings(BaseSettings):
    """All settings. ``Settings()`` is the defaults alone; ``load_settings`` reads the sources."""

    model_config = SettingsConfigDict(
        env_prefix="FUSION_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    chain: Chain = Field(default_factory=Chain)
    account: Account = Field(default_factory=Account)
    storage: Storage = Field(default_factory=Storage)
    worker: Worker = Field(default_factory=Worker)
    watch: Watch = Field(default_factory=Watch)
    gateway: Gateway = Field(default_factory=Gateway)
    relay: Relay = Field(default_factory=Relay)
    provider: Provider = Field(default_factory=Provider)
    vouching: Vouching = Field(default_factory=Vouching)
    teeml: Teeml = Field(default_factory=Teeml)
    engine: Engine = Field(default_factory=Engine)
    log: Log = Field(default_factory=Log)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values given: ``load_settings`` merges the sources and names them in errors."""
        return (init_settings,)
