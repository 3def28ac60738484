# SPDX-License-Identifier: Apache-2.0
"""Talk to workers' endpoints: who is free, who accepts, who takes a blob."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from offchain_workers.balancing import outcome_of_status
from offchain_workers.chain.contracts import Acceptance, Domain, JobTerms
from offchain_workers.chain.contracts.terms import accepted_by
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.manifest import Place, sealing_key_of, verify_manifest
from offchain_workers.requester.errors import (
    AcceptanceForgedError,
    AcceptanceRefusedError,
    WorkerUnreachableError,
)
from offchain_workers.storage import HttpStore, StoreError

MAX_ANSWER = 65_536


@dataclass(frozen=True)
class Member:
    """A subnet's member: index, operator, price per item, and the endpoint it announced."""

    index: int
    operator: str
    price: int
    endpoint: str


# An RPC endpoint of the worker may stall for ten seconds before it asks another.
_ANSWER_SECONDS = 15.0
# Whether a worker is there needs no chain.
_PRESENCE_SECONDS = 5.0


class WorkerClient:
    """HTTP to one member. ``timeout``: seconds for an answer; no redirects, no proxy of the
    environment."""

    def __init__(
        self, member: Member, timeout: float = _ANSWER_SECONDS, allow_private: bool = True
    ) -> None:
        self.member = member
        self._allow_private = allow_private
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, _PRESENCE_SECONDS)),
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._http.close()

    def load(self) -> int | None:
        """Jobs in flight and queued; None when the worker is not ready or does not answer."""
        try:
            answer = self._http.get(f"{self.member.endpoint}/health", timeout=_PRESENCE_SECONDS)
            health = self._json(answer)
        except (httpx.HTTPError, httpx.InvalidURL, WorkerUnreachableError):
            return None
        if not health.get("ready"):
            return None
        return int(health.get("in_flight", 0)) + int(health.get("queue", 0))

    def ask(self, terms: JobTerms, data: bytes, domain: Domain) -> Acceptance:
        """The member's signed promise to serve exactly these terms.

        Raises AcceptanceRefusedError, WorkerUnreachableError, AcceptanceForgedError.
        """
        body = {"terms": terms.to_json(), "data": "0x" + data.hex()}
        try:
            response = self._http.post(f"{self.member.endpoint}/accept", json=body)
            document = self._json(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error
        if response.status_code != 200:
            refusal = document.get("error", document)
            raise AcceptanceRefusedError(
                f"{self.member.operator}: {refusal.get('code')}: {refusal.get('message')}",
                outcome_of_status(response.status_code),
            )
        return self._checked(document, terms.job_id(domain), domain)

    def sealing_key(self, place: Place) -> bytes:
        """The key in the member's manifest, which it signed.

        Raises WorkerUnreachableError, ManifestInvalidError.
        """
        try:
            response = self._http.get(f"{self.member.endpoint}/manifest")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error
        if response.status_code != 200:
            raise WorkerUnreachableError(f"{self.member.endpoint}: no manifest yet")
        return sealing_key_of(verify_manifest(response.content, place, self.member.operator))

    def hand_over(self, blob: bytes) -> bool:
        """Put an input into the worker's store; False when it would not have it."""
        try:
            store = HttpStore(self.member.endpoint, allow_private=self._allow_private)
            store.put(blob)
        except StoreError:
            return False
        store.close()
        return True

    def _checked(self, document: dict[str, Any], job_id: bytes, domain: Domain) -> Acceptance:
        try:
            acceptance = Acceptance.from_json(document)
            signer = accepted_by(acceptance, domain, job_id)
        except (TermsInvalidError, ValueError) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error
        if signer != self.member.operator:
            raise AcceptanceForgedError(f"signed by {signer}, not by {self.member.operator}")
        return acceptance

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            if len(response.content) > MAX_ANSWER:
                raise ValueError("the answer is too long")
            document = response.json()
            if not isinstance(document, dict):
                raise ValueError("the answer is not an object")
        except ValueError as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error
        return document


@contextmanager
def talking(member: Member) -> Iterator[WorkerClient]:
    """A client of one member, closed in the end."""
    worker = WorkerClient(member)
    try:
        yield worker
    finally:
        worker.close()
