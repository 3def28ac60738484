# SPDX-License-Identifier: Apache-2.0
"""What the Console API answers: the fields that we read, as published; others are let pass."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Price(BaseModel):
    """Per block, a decimal string."""

    denom: str
    amount: str


class Attribute(BaseModel):
    """Such as vendor/nvidia/model/rtx4090 = true."""

    key: str
    value: str


class Units(BaseModel):
    """A count as a string."""

    val: str = "0"


class Gpu(BaseModel):
    """What a bid has of them."""

    units: Units = Field(default_factory=Units)
    attributes: list[Attribute] = Field(default_factory=list)


class Resources(BaseModel):
    """Of one replica."""

    gpu: Gpu = Field(default_factory=Gpu)


class ResourcesOffer(BaseModel):
    """What a provider commits to."""

    resources: Resources
    count: int


class BidId(BaseModel):
    """There is no flat id."""

    dseq: str
    gseq: int
    oseq: int
    provider: str


class BidBody(BaseModel):
    """A provider's bid."""

    id: BidId
    state: str
    price: Price
    resources_offer: list[ResourcesOffer] = Field(default_factory=list)


class BidItem(BaseModel):
    """A bid and its escrow, which we don't read."""

    bid: BidBody


class Bids(BaseModel):
    """GET /v1/bids"""

    data: list[BidItem]


class Created(BaseModel):
    """POST /v1/deployments"""

    class Data(BaseModel):
        """The deployment's number."""

        dseq: str

    data: Data


class ServiceStatus(BaseModel):
    """Where a service is reached."""

    available: int = 0
    uris: list[str] | None = None


class LeaseStatus(BaseModel):
    """As the provider tells it."""

    services: dict[str, ServiceStatus] = Field(default_factory=dict)


class Lease(BaseModel):
    """``status`` null: the console could not reach the provider."""

    state: str
    status: LeaseStatus | None = None


class DeploymentId(BaseModel):
    """Its number."""

    dseq: str


class DeploymentHead(BaseModel):
    """On the chain."""

    id: DeploymentId
    state: str


class Deployment(BaseModel):
    """GET /v1/deployments/{dseq}, and an entry of the list."""

    deployment: DeploymentHead
    leases: list[Lease] = Field(default_factory=list)
    name: str | None = None


class OneDeployment(BaseModel):
    """GET /v1/deployments/{dseq}"""

    data: Deployment


class Pagination(BaseModel):
    """Page on ``hasMore``."""

    hasMore: bool  # noqa: N815 - theirs


class Listed(BaseModel):
    """A page."""

    deployments: list[Deployment]
    pagination: Pagination


class Deployments(BaseModel):
    """GET /v1/deployments"""

    data: Listed


class GpuPrice(BaseModel):
    """US dollars per hour and unit."""

    currency: str
    min: float
    med: float


class Availability(BaseModel):
    """Units."""

    available: int


class GpuModel(BaseModel):
    """An entry of the list of prices."""

    vendor: str
    model: str
    ram: str
    interface: str
    availability: Availability
    price: GpuPrice | None


class GpuPrices(BaseModel):
    """GET /v1/gpu-prices"""

    models: list[GpuModel]
