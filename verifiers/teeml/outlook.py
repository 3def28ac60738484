# SPDX-License-Identifier: Apache-2.0
"""What becomes of a registered platform when the vendor's next TCB data count."""

from __future__ import annotations

from dataclasses import dataclass

from offchain_workers.chain.contracts.enclaves import Policy
from offchain_workers.chain.contracts.teeml_verifier import TeemlVerifier
from verifiers.teeml.collateral import Status
from verifiers.teeml.errors import TeeError
from verifiers.teeml.keypolicy import statuses_of
from verifiers.teeml.onchain import quote_of
from verifiers.teeml.quote import Quote
from verifiers.teeml.roots import Root
from verifiers.teeml.sources import Source
from verifiers.teeml.verify import REFUSED, appraise_parsed


@dataclass(frozen=True)
class Outlook:
    """By the early data: the platform's status, whether the policy takes it, else why not."""

    status: Status | str
    accepted: bool
    reason: str


def outlook(quote: Quote, policy: Policy, source: Source, now: int, root: Root) -> Outlook:
    """By what ``source`` has as early data at Unix time ``now``. Raises PcsError when it has
    nothing to say."""
    collateral = source.collateral(quote, now, "early")
    try:
        found = appraise_parsed(quote, collateral, now, root)
    except TeeError as error:
        return Outlook(REFUSED, False, str(error))
    status = found.standing.status
    accepted = status in statuses_of(policy)
    return Outlook(status, accepted, "" if accepted else f"the policy does not accept {status}")


def registered_quote(verifier: TeemlVerifier, data: bytes) -> Quote | None:
    """The quote of a registration, from its transaction; None for a call of another kind."""
    name, given = verifier.decode(data)
    return quote_of(given["evidence"]["quote"]) if name == "register" else None
