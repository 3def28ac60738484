# SPDX-License-Identifier: Apache-2.0
"""What the API answers, field by field; OpenAPI is made from this."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from offchain_workers.requester.receipts import Receipt

Bytes32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", description="0x and 64 hex digits.")]
Wei = Annotated[str, Field(description="Wei, as a decimal string.")]
Address = Annotated[str, Field(description="A checksummed address.")]


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="A stable code; docs/errors.md says what to do.")
    message: str = Field(description="One line for people.")


class Refusal(BaseModel):
    """Every answer with a status of 400 or more. A 429 or 503 that may pass has Retry-After."""

    error: Problem


class Health(BaseModel):
    """Whether the gateway works."""

    live: bool = Field(description="The process answers.")
    ready: bool = Field(description="It has caught up with the chain and is not stopping.")
    account: Address = Field(description="Who posts the jobs that are paid from the balance.")
    chain_id: int
    market: Address = Field(description="The JobMarketplace contract.")
    block: int = Field(description="The newest block whose events it has seen.")
    balance: Wei = Field(description="What the account holds in the market.")


class ModelView(BaseModel):
    """A published model."""

    id: Bytes32
    name: str
    version: str
    task: str = Field(description='What it is for, as "digits" or "file-type".')
    description: str
    publisher: Address
    codec: str = Field(description="How an input becomes tensors.")
    inputs: list[dict[str, Any]] = Field(description="Tensors of one item: name, type, shape.")
    outputs: list[dict[str, Any]] = Field(description="Tensors of one answer.")
    labels: int = Field(description="How many labels its answers choose from.")
    methods: list[str] = Field(description="Verification methods under which somebody offers it.")
    accuracy: dict[str, Any] = Field(description="The publisher's figures.")
    attesters: list[Address] = Field(description="Who derived its artifacts again.")


class OfferView(BaseModel):
    """An operator's price."""

    operator: Address
    model: Bytes32
    method: str
    tier: str
    region: int
    price: Wei = Field(description="Per item.")
    block: int = Field(description="Written in this block, in force from the next epoch.")
    endpoint: str = Field(description="Where the operator's worker answers.")


class BlobView(BaseModel):
    """A stored blob."""

    cid: Bytes32
    bytes: int


class Transaction(BaseModel):
    """For the requester's wallet to sign and send, as it is."""

    to: Address
    data: str = Field(description="0x and the call.")
    value: Wei
    chain_id: int


class PlaceView(BaseModel):
    """A transaction on the chain."""

    transaction: Bytes32
    block: int


class JobView(BaseModel):
    """A job, as far as it is. A caller's share of a batch has its own items and answers only."""

    id: Bytes32
    state: str = Field(
        description="offered (to a wallet), queued (to be mined), open, pending (answered, may be "
        "challenged), paid, refunded, or failed (never posted)."
    )
    final: bool = Field(description="Nothing more can happen to it.")
    origin: str = Field(
        description="balance (ours), wallet (handed to one), found (ours, from the chain alone), "
        "or market (somebody else's)."
    )
    model: Bytes32
    method: str
    subnet: Bytes32
    requester: Address
    operator: Address | None = Field(description="Who answered.")
    n: int = Field(description="Items in the whole job.")
    first: int = Field(description="Place of your first item in it.")
    count: int = Field(description="How many items are yours.")
    max_price: Wei = Field(description="Of the whole job.")
    price: Wei | None = Field(description="What was paid for the whole job.")
    deliver_by: int = Field(description="Unix seconds.")
    decision: Bytes32 | None = Field(
        description="Content id of the decision record that chose model, method and subnet."
    )
    terms: dict[str, Any] = Field(description="All that the requester signed up to.")
    post: PlaceView | None
    answer: PlaceView | None
    answers: list[Any] = Field(description="Decoded by the model's codec; empty until answered.")
    output: str | None = Field(description="The bytes of your answers, as delivered.")
    receipt: Receipt | None = Field(description="Proof of your items; check it against the chain.")
    failure: str | None = Field(description="Why it failed or was refunded.")
    transaction: Transaction | None = Field(
        None, description="To be sent by the wallet that the job was offered to."
    )
    acceptance: dict[str, Any] | None = Field(
        None, description="The primary's promise, already in the transaction; `until` is its end."
    )


class EventView(BaseModel):
    """One step of a job's life. On the stream: `id`, `event` (the name) and `data` (this)."""

    job: Bytes32
    name: str
    state: str = Field(description="The job's state when this was sent.")
    body: dict[str, Any]
    block: int | None
    transaction: Bytes32 | None
    undone: bool = Field(description="A reorganisation took it back since.")
