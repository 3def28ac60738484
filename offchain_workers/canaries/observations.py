# SPDX-License-Identifier: Apache-2.0
"""What an observer saw of operators, signed, for others to weigh as they trust it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import quantiles
from typing import Annotated

from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offchain_workers.canaries.claims import Finding
from offchain_workers.canaries.errors import ObservationsInvalidError
from offchain_workers.canaries.tally import Record
from offchain_workers.signed import Form, SignatureInvalidError

FORM = Form("Model Network Observations", "Observations", "observations@1", "observer")

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Id = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Observed(_Frozen):
    """One operator and model: counts of canaries, latencies in microseconds (null: no answer)."""

    operator: Address
    model: Id
    right: Count
    wrong: Count
    refused: Count
    unheard: Count
    undecided: Count
    p50_us: Count | None
    p95_us: Count | None
    claim: Finding

    @property
    def total(self) -> int:
        """Canaries that say something."""
        return self.right + self.wrong + self.refused + self.unheard


class Observations(_Frozen):
    """A signed body: what ``observer`` saw from ``since`` until ``issued_at`` (unix seconds)."""

    schema_: str = Field(alias="schema")
    observer: Address
    chain_id: Count
    contract: Address
    since: Count
    issued_at: Count
    observed: tuple[Observed, ...] = Field(max_length=256)


def observed(operator: str, model_id: bytes, record: Record) -> Observed:
    """An entry from what a patrol's tally holds."""
    p50, p95 = _latencies(record)
    counts = {verdict.value: count for verdict, count in record.counts.items()}
    return Observed(
        operator=operator,
        model="0x" + model_id.hex(),
        p50_us=p50,
        p95_us=p95,
        claim=record.claim,
        **counts,
    )


def sign_observations(
    account: LocalAccount,
    chain_id: int,
    registry: str,
    entries: Iterable[Observed],
    since: int,
    issued_at: int,
) -> bytes:
    """The signed document, a blob by its own content id. ``registry``: the SubnetRegistry."""
    listed = sorted(entries, key=lambda entry: (entry.operator, entry.model))
    body = {
        "since": since,
        "issued_at": issued_at,
        "observed": [entry.model_dump(mode="json") for entry in listed],
    }
    return FORM.sign(account, chain_id, registry, body)


def open_observations(document: bytes) -> Observations:
    """What the observer it names signed. Raises ObservationsInvalidError."""
    try:
        return Observations.model_validate(FORM.open(document))
    except (SignatureInvalidError, ValidationError) as error:
        raise ObservationsInvalidError(" ".join(str(error).split())) from error


def weigh(
    documents: Iterable[Observations], trust: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """For each operator the share of its canaries that were right, and the trust behind it.

    An observer's word counts as its ``trust`` says, 0 when it is not named, and once: its newest
    document, whatever the number of canaries it claims to have sent. Share from 0 to 1.
    """
    newest: dict[str, Observations] = {}
    for one in sorted(documents, key=lambda one: one.issued_at):
        newest[one.observer] = one
    sums: dict[str, tuple[float, float]] = {}
    for observer, document in newest.items():
        weight = trust.get(observer, 0.0)
        for operator, share in _shares(document).items():
            right, total = sums.get(operator, (0.0, 0.0))
            sums[operator] = (right + weight * share, total + weight)
    return {who: (right / total, total) for who, (right, total) in sums.items() if total > 0}


def _shares(document: Observations) -> dict[str, float]:
    right: dict[str, int] = {}
    total: dict[str, int] = {}
    for entry in document.observed:
        right[entry.operator] = right.get(entry.operator, 0) + entry.right
        total[entry.operator] = total.get(entry.operator, 0) + entry.total
    return {who: right[who] / total[who] for who in total if total[who]}


def _latencies(record: Record) -> tuple[int | None, int | None]:
    micros = sorted(int(seconds * 1e6) for seconds in record.seconds)
    if not micros:
        return None, None
    if len(micros) == 1:
        return micros[0], micros[0]
    cuts = quantiles(micros, n=20, method="inclusive")
    return int(cuts[9]), int(cuts[18])
