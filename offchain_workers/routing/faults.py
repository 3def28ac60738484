# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a decision, and with the job that was posted on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.routing.record import DecisionRecord

Pair = tuple["Fault", Any, Any]

# A job follows its plan within so many blocks: an old snapshot is a choice of its own.
MAX_AGE_BLOCKS = 256


class Fault(StrEnum):
    """What is wrong with a record. Rows in docs/reason-codes.md."""

    VERSION = "version"
    REQUEST = "request"
    BLOCK = "block"
    SEED = "seed"
    WEIGHTS = "weights"
    HIDDEN_MODEL = "hidden_model"
    INVENTED_MODEL = "invented_model"
    HIDDEN_OFFER = "hidden_offer"
    INVENTED_OFFER = "invented_offer"
    MODEL_FACT = "model_fact"
    OFFER_FACT = "offer_fact"
    WRONG_PRICE = "wrong_price"
    WRONG_QUALITY = "wrong_quality"
    WRONG_LATENCY = "wrong_latency"
    WRONG_SECURITY = "wrong_security"
    OMITTED_REASON = "omitted_reason"
    INVENTED_REASON = "invented_reason"
    WRONG_SCORE = "wrong_score"
    WRONG_SPEC = "wrong_spec"
    ORDER = "order"
    CHOICE = "choice"
    SUBNET = "subnet"
    FORM = "form"
    JOB_HASH = "job_hash"
    JOB_MODEL = "job_model"
    JOB_METHOD = "job_method"
    JOB_ARTIFACT = "job_artifact"
    JOB_SUBNET = "job_subnet"
    JOB_PRICE = "job_price"
    JOB_AGE = "job_age"
    DRAW = "draw"


@dataclass(frozen=True)
class Mismatch:
    """``stated``: by the record or the job; ``found``: by the chain and the router's rules."""

    fault: Fault
    where: str
    stated: str
    found: str


def job_mismatches(
    record: DecisionRecord, terms: JobTerms, posted_block: int, spec_id: bytes
) -> list[Mismatch]:
    """Where a job is not what its record decided. ``spec_id``: of the job's subnet."""
    age = posted_block - record.place.block
    pairs = [(Fault.JOB_HASH, terms.decision_hash.hex(), record.hash().hex())]
    if record.choice is None:
        return [*differing("job", pairs), Mismatch(Fault.CHOICE, "job", "a job", "nothing fits")]
    chosen, cap = record.chosen, record.request.max_price or record.choice.price_cap
    pairs += [
        (Fault.JOB_MODEL, terms.model_id.hex(), chosen.model[2:]),
        (Fault.JOB_METHOD, terms.selector.hex(), chosen.selector[2:]),
        (Fault.JOB_ARTIFACT, terms.artifact_id.hex(), record.artifact_id.hex()),
        (Fault.JOB_SUBNET, spec_id.hex(), record.choice.spec_id[2:]),
        (Fault.JOB_SUBNET, terms.token.lower(), record.token.lower()),
    ]
    found = list(differing("job", pairs))
    if terms.max_price > terms.n * cap:
        found.append(Mismatch(Fault.JOB_PRICE, "job", f"{terms.max_price}", f"{terms.n * cap}"))
    if not 0 <= age <= MAX_AGE_BLOCKS:
        found.append(Mismatch(Fault.JOB_AGE, "job", f"{age} blocks", f"0 to {MAX_AGE_BLOCKS}"))
    return found


def differing(where: str, pairs: Sequence[Pair]) -> Iterator[Mismatch]:
    """The pairs (fault, stated, found) whose sides differ."""
    for fault, stated, found in pairs:
        if stated != found:
            yield Mismatch(fault, where, str(stated), str(found))
