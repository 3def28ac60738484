# SPDX-License-Identifier: Apache-2.0
"""Talk to workers' endpoints: who is free, who accepts, who takes a blob."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
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
from offchain_workers.storage.addresses import check_base_url
from offchain_workers.storage.http import requests_to

MAX_ANSWER = 65_536  # as a manifest
# A compressed answer could unpack past the limit.
_IDENTITY = {"Accept-Encoding": "identity"}
# Of a refusal: it is kept with the job.
_MAX_LINE = 300


@dataclass(frozen=True)
class Member:
    """A subnet's member: index, operator, price per item, and the endpoint it announced, which is
    a stranger's word: ``allow_private``: it may lead into our own network."""

    index: int
    operator: str
    price: int
    endpoint: str
    allow_private: bool = True


# An RPC endpoint of the worker may stall for ten seconds before it asks another.
_ANSWER_SECONDS = 15.0
# Whether a worker is there needs no chain.
_PRESENCE_SECONDS = 5.0


class WorkerClient:
    """HTTP to one member. ``timeout``: seconds for a whole answer; no redirects, no proxy of the
    environment. No answer hurts whoever asks, however long, slow or strange it is."""

    def __init__(self, member: Member, timeout: float = _ANSWER_SECONDS) -> None:
        self.member = member
        self._timeout = timeout
        self._http = httpx.Client(trust_env=False, follow_redirects=False, headers=_IDENTITY)

    def close(self) -> None:
        self._http.close()

    def load(self) -> int | None:
        """Jobs in flight and queued; None when the worker is not ready or does not answer."""
        try:
            _, data = self._exchange("GET", "/health", min(self._timeout, _PRESENCE_SECONDS))
            health = self._object(data)
        except WorkerUnreachableError:
            return None
        counts = [health.get(name, 0) for name in ("in_flight", "queue")]
        if not health.get("ready") or any(type(one) is not int or one < 0 for one in counts):
            return None
        return int(sum(counts))

    def ask(self, terms: JobTerms, data: bytes, domain: Domain) -> Acceptance:
        """The member's signed promise to serve exactly these terms.

        Raises AcceptanceRefusedError, WorkerUnreachableError, AcceptanceForgedError.
        """
        body = {"terms": terms.to_json(), "data": "0x" + data.hex()}
        status, answer = self._exchange("POST", "/accept", self._timeout, json=body)
        document = self._object(answer)
        if status != 200:
            code, why = _refusal(document)
            line = f"{self.member.operator}: {code}: {why}"
            raise AcceptanceRefusedError(line, outcome_of_status(status), code)
        return self._checked(document, terms.job_id(domain), domain)

    def sealing_key(self, place: Place) -> bytes:
        """The key in the member's manifest, which it signed.

        Raises WorkerUnreachableError, ManifestInvalidError.
        """
        status, document = self._exchange("GET", "/manifest", self._timeout)
        if status != 200:
            raise WorkerUnreachableError(f"{self.member.endpoint}: no manifest yet")
        return sealing_key_of(verify_manifest(document, place, self.member.operator))

    def hand_over(self, blob: bytes) -> bool:
        """Put an input into the worker's store; False when it would not have it."""
        try:
            store = HttpStore(self.member.endpoint, allow_private=self.member.allow_private)
        except StoreError:
            return False
        try:
            store.put(blob)
        except StoreError:
            return False
        finally:
            store.close()
        return True

    # --- one exchange -------------------------------------------------------------------------

    def _exchange(self, method: str, path: str, seconds: float, **more: Any) -> tuple[int, bytes]:
        """Status and body. Raises WorkerUnreachableError, from the httpx error if it was one."""
        end = time.monotonic() + seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, _PRESENCE_SECONDS))
        try:
            response = self._send(method, path, timeout=timeout, **more)
            try:
                return response.status_code, self._read(response, end)
            finally:
                response.close()
        # UnicodeError: a host that no name can be.
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, StoreError) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The first address that accepts a connection answers."""
        if not self.member.allow_private:
            check_base_url(self.member.endpoint)
        url = httpx.URL(f"{self.member.endpoint}{path}")
        refused = httpx.ConnectError("no address")
        for request in requests_to(self._http, method, url, self.member.allow_private, **more):
            try:
                return self._http.send(request, stream=True)
            except httpx.ConnectError as error:
                refused = error
        raise refused

    def _read(self, response: httpx.Response, end: float) -> bytes:
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > MAX_ANSWER:
                raise WorkerUnreachableError(f"{self.member.endpoint}: the answer is too long")
            if time.monotonic() > end:
                raise httpx.ReadTimeout("the answer took too long")
        return bytes(data)

    def _checked(self, document: dict[str, Any], job_id: bytes, domain: Domain) -> Acceptance:
        try:
            acceptance = Acceptance.from_json(document)
            signer = accepted_by(acceptance, domain, job_id)
        except (TermsInvalidError, ValueError) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: {error}") from error
        if signer != self.member.operator:
            raise AcceptanceForgedError(f"signed by {signer}, not by {self.member.operator}")
        return acceptance

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise WorkerUnreachableError(f"{self.member.endpoint}: no JSON: {error}") from error
        if not isinstance(document, dict):
            raise WorkerUnreachableError(f"{self.member.endpoint}: the answer is not an object")
        return document


def _refusal(document: Mapping[str, Any]) -> tuple[str, str]:
    """The worker's code and reason, whatever it made of them, on one line."""
    error = document.get("error")
    told = error if isinstance(error, dict) else document
    code, why = (str(told.get(name))[:_MAX_LINE] for name in ("code", "message"))
    return _printable(code), _printable(why)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


@contextmanager
def talking(member: Member) -> Iterator[WorkerClient]:
    """A client of one member, closed in the end."""
    worker = WorkerClient(member)
    try:
        yield worker
    finally:
        worker.close()
