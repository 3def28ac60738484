# SPDX-License-Identifier: Apache-2.0
"""What a caller keeps of its share of a job: proofs that anyone checks against the chain alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offchain_workers.chain import merkle
from offchain_workers.chain.contracts import JobStatus, JobTerms
from offchain_workers.chain.contracts.marketplace import Marketplace
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past
from offchain_workers.chain.rpc import RpcPool
from offchain_workers.chain.scan import scan
from offchain_workers.errors import FusionError
from offchain_workers.problems import first_problem

MAX_RECEIPT_BYTES = 16_777_216
Bytes32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
HexBytes = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$")]


class ReceiptError(FusionError):
    """Base of what is wrong with a receipt: a subclass fixes the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class ReceiptUnreadableError(ReceiptError):
    """Not a receipt."""

    CODE = "MN-GATE-030"


class ReceiptElsewhereError(ReceiptError):
    """Of another chain or market."""

    CODE = "MN-GATE-031"


class ReceiptUnfoundedError(ReceiptError):
    """The chain holds no such post or answer."""

    CODE = "MN-GATE-032"


class ReceiptInputError(ReceiptError):
    """The input is not in what the job committed to."""

    CODE = "MN-GATE-033"


class ReceiptOutputError(ReceiptError):
    """The output is not what was delivered."""

    CODE = "MN-GATE-034"


class ReceiptRefutedError(ReceiptError):
    """The answer did not stand."""

    CODE = "MN-GATE-035"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Place(_Frozen):
    """Where on the chain something happened."""

    transaction: Bytes32 = Field(description="Hash of the transaction.")
    block: int = Field(ge=0, description="Number of its block.")


class ItemProof(_Frozen):
    """One item: siblings lead from it to the job's commitments. Empty where the job has one."""

    index: int = Field(ge=0, description="Its place in the job.")
    input_commitment: Bytes32 = Field(
        description="keccak256 of the item's wire bytes; in a job of one, the job's commitment."
    )
    input_proof: list[Bytes32] = Field(description="Siblings, from the leaf to the root.")
    output: HexBytes = Field(description="The item's answer, as delivered.")
    output_proof: list[Bytes32] = Field(description="Siblings, from the leaf to the root.")


class Receipt(_Frozen):
    """A share of a job: its items, and where the chain holds post and answer."""

    schema_: Literal["receipt@1"] = Field("receipt@1", alias="schema")
    chain_id: int = Field(ge=1)
    market: Address = Field(description="The JobMarketplace contract.")
    job_id: Bytes32
    n: int = Field(ge=1, description="Items in the whole job.")
    items: list[ItemProof] = Field(min_length=1)
    post: Place
    answer: Place

    @classmethod
    def parse(cls, text: bytes) -> Receipt:
        """Raises ReceiptUnreadableError."""
        if len(text) > MAX_RECEIPT_BYTES:
            raise ReceiptUnreadableError(f"more than {MAX_RECEIPT_BYTES} bytes")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problem = first_problem(error, "document")
            raise ReceiptUnreadableError(f"not a receipt: {problem}") from None


class Checked(_Frozen):
    """What a receipt proves. ``final``: nobody can challenge the answer any more."""

    job_id: Bytes32
    requester: Address
    operator: Address
    model: Bytes32
    method: str = Field(description="The method's selector.")
    items: int
    final: bool


def item_proofs(
    terms: JobTerms, commitments: Sequence[bytes], output: bytes, indices: Sequence[int]
) -> list[ItemProof]:
    """Proofs of some items. ``commitments``: of all items' wire bytes, unused in a job of one."""
    if terms.n == 1:
        alone = _hex(terms.input_commitment)
        return [
            ItemProof(
                index=0, input_commitment=alone, input_proof=[], output=_hex(output),
                output_proof=[],
            )
        ]  # fmt: skip
    outputs = _split(output, terms)
    answers = [merkle.item_commitment(one) for one in outputs]
    return [
        ItemProof(
            index=index,
            input_commitment=_hex(commitments[index]),
            input_proof=[_hex(one) for one in merkle.proof(commitments, index)],
            output=_hex(outputs[index]),
            output_proof=[_hex(one) for one in merkle.proof(answers, index)],
        )
        for index in indices
    ]


def check_items(receipt: Receipt, items: Sequence[bytes]) -> None:
    """That these are the receipt's inputs (wire bytes), one for each of its items.

    Raises ReceiptInputError. In a job of one under a method that commits to more than the bytes'
    keccak256 it can't be told from the bytes alone.
    """
    if len(items) != len(receipt.items):
        raise ReceiptInputError(f"{len(items)} inputs, the receipt has {len(receipt.items)}")
    for proof, item in zip(receipt.items, items, strict=True):
        if _raw(proof.input_commitment) != merkle.item_commitment(item):
            raise ReceiptInputError(f"item {proof.index} has another input")


def check(receipt: Receipt, pool: RpcPool, market: Marketplace) -> Checked:
    """Recompute everything from the chain. Raises a ReceiptError, and the pool's errors."""
    pool.refresh()
    if (receipt.chain_id, receipt.market.lower()) != (pool.chain_id, market.address.lower()):
        raise ReceiptElsewhereError(
            f"it is of market {receipt.market} on chain {receipt.chain_id}, "
            f"asked was {market.address} on {pool.chain_id}"
        )
    posted = _event(receipt, receipt.post, "JobPosted", pool, market)
    terms = _terms(receipt, posted, market)
    delivered = _event(receipt, receipt.answer, "JobDelivered", pool, market)
    for item in receipt.items:
        _check_input(item, terms)
        _check_output(item, terms, delivered)
    return Checked(
        job_id=receipt.job_id,
        requester=terms.requester,
        operator=delivered.args["operator"],
        model=_hex(terms.model_id),
        method=_hex(terms.selector),
        items=len(receipt.items),
        final=_stands(receipt, delivered, market),
    )


def _terms(receipt: Receipt, posted: Event, market: Marketplace) -> JobTerms:
    try:
        terms = JobTerms.from_abi(posted.args["terms"])
        job_id = terms.job_id(market.domain)
    except TermsInvalidError as error:
        raise ReceiptUnfoundedError(error.message) from error
    if _hex(job_id) != receipt.job_id or terms.n != receipt.n:
        raise ReceiptUnfoundedError(f"the post is of {_hex(job_id)} with {terms.n} items")
    return terms


def _event(receipt: Receipt, place: Place, name: str, pool: RpcPool, market: Marketplace) -> Event:
    """The market's own event in the transaction that the receipt names, as all endpoints tell."""
    if place.block > pool.common_height:
        raise ReceiptUnfoundedError(f"the chain has no block {place.block} yet")
    events = scan(pool, {market.address: market.abi}, place.block, place.block, names={name})
    for event in events:
        same = _hex(event.tx_hash) == place.transaction
        if same and _hex(event.args["job_id"]) == receipt.job_id:
            return event
    raise ReceiptUnfoundedError(
        f"block {place.block} has no {name} of {receipt.job_id} in {place.transaction}"
    )


def _check_input(item: ItemProof, terms: JobTerms) -> None:
    commitment, siblings = _raw(item.input_commitment), [_raw(one) for one in item.input_proof]
    if terms.n == 1:
        ok = item.index == 0 and commitment == terms.input_commitment and not siblings
    else:
        ok = merkle.verify(terms.input_commitment, item.index, terms.n, commitment, siblings)
    if not ok:
        raise ReceiptInputError(f"item {item.index} does not lead to the job's input commitment")


def _check_output(item: ItemProof, terms: JobTerms, delivered: Event) -> None:
    output, siblings = _raw(item.output), [_raw(one) for one in item.output_proof]
    whole = bytes(delivered.args["output"])
    if terms.n == 1:
        ok = output == whole and not siblings
    else:
        root = delivered.args["output_commitment"]
        commitment = merkle.item_commitment(output)
        ok = _split(whole, terms)[item.index] == output and merkle.verify(
            root, item.index, terms.n, commitment, siblings
        )
    if not ok:
        raise ReceiptOutputError(f"item {item.index} is not what was delivered")


def _stands(receipt: Receipt, delivered: Event, market: Marketplace) -> bool:
    """Whether the answer is final. Raises ReceiptRefutedError."""
    job = market.job(_raw(receipt.job_id))
    if job.status not in (JobStatus.PAID, JobStatus.PENDING):
        raise ReceiptRefutedError(f"the job is {job.status.name.lower()}")
    if delivered.args["status"] == JobStatus.PENDING:
        later = Past(market, delivered.block_number).newest_first(
            ("JobReopened",), _raw(receipt.job_id), market.w3.eth.block_number
        )
        if next(later, None) is not None:
            raise ReceiptRefutedError("the answer was refuted; another one stands")
    return job.status is JobStatus.PAID


def _split(output: bytes, terms: JobTerms) -> list[bytes]:
    size = terms.item_size
    return [output[i * size : (i + 1) * size] for i in range(terms.n)]


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
