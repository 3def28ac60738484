# SPDX-License-Identifier: Apache-2.0
"""The audits that an operator was drawn for, for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from offchain_workers.chain.contracts import Network
from offchain_workers.chain.contracts.audits import DRAWN, Audit, OpmlAudits
from offchain_workers.chain.contracts.opml import OpmlVerifier
from offchain_workers.chain.events import Event
from offchain_workers.chain.past import Past
from verifiers.opml.board import claim_id


class DrawnAudit(NamedTuple):
    """``state``: drawn, committed, then paid or lapsed; ``until``: the last second of the auditor's
    time to commit or confirm, None when nothing waits for it; ``pay`` in wei."""

    job_id: bytes
    claim: int
    state: str
    pay: int
    until: int | None


def drawn_audits(network: Network, auditor: str, most: int) -> list[DrawnAudit]:
    """The last ``most``, newest first; none where the market's method has no audits.

    Raises LogRangeRefusedError and the chain's errors.
    """
    verifier = OpmlVerifier.of(network)
    audits = OpmlAudits.of(verifier) if verifier else None
    if verifier is None or audits is None:
        return []
    past, head = Past(audits, network.start_block), verifier.w3.eth.block_number
    me = bytes.fromhex(auditor[2:])
    events = past.newest_first(("Drawn", "Ended"), None, head, me)
    return list(islice(_drawn(verifier, audits, events), most))


def _drawn(
    verifier: OpmlVerifier, audits: OpmlAudits, events: Iterator[Event]
) -> Iterator[DrawnAudit]:
    """One for each draw; its end comes before it when the newest is first."""
    paid: dict[tuple[bytes, int], int] = {}
    for event in events:
        key = event.args["job_id"], event.args["claim"]
        if event.name == "Ended":
            paid[key] = event.args["paid"]
            continue
        if key in paid:
            yield DrawnAudit(*key, "paid" if paid[key] else "lapsed", event.args["pay"], None)
        elif (audit := audits.audit(*key)) is not None:
            yield _standing(verifier, audits, *key, audit)


def _standing(
    verifier: OpmlVerifier, audits: OpmlAudits, job_id: bytes, claim: int, audit: Audit
) -> DrawnAudit:
    """One that had not ended when the events were read."""
    if audit.stage == DRAWN:
        until = audit.since + audits.commit_seconds
        return DrawnAudit(job_id, claim, "drawn", audit.pay, until)
    named = claim_id(job_id, claim)
    posted_at = verifier.answered_at(named, named)
    confirm_by = posted_at + audits.confirm_seconds if posted_at else None
    return DrawnAudit(job_id, claim, "committed", audit.pay, confirm_by)
