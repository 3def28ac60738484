# SPDX-License-Identifier: Apache-2.0
"""Who calls, and how much of it is enough: dependencies of the routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Request

from offchain_workers.balancing import Limits, Quotas
from offchain_workers.balancing.errors import SpendExceededError
from offchain_workers.gateway.callers import Caller, Callers
from offchain_workers.gateway.errors import (
    KeyMissingError,
    NotReadyError,
    RequestUnreadableError,
    UploadCapError,
)

_MINUTE = 60.0
# A tenth of a minute's requests may come at once, and never less than these.
_BURST = 20
_UNBOUND = 1_000_000

Authorization = Annotated[
    str, Header(description="`Bearer` and an API key, where the route spends or stores.")
]


class Guard:
    """Counts every request of a caller; ``is_ready``: whether the gateway takes new work."""

    def __init__(self, callers: Callers, is_ready: Callable[[], bool]) -> None:
        self._callers = callers
        self._is_ready = is_ready
        self._requests = Quotas(Limits())
        self._uploads = Quotas(Limits())

    def caller(self, request: Request, authorization: Authorization = "") -> Caller:
        """Anybody, within its rate. Raises KeyWrongError, RateExceededError."""
        address = request.client.host if request.client else ""
        found = self._callers.of(authorization, address)
        rate = found.quota.requests_per_minute / _MINUTE
        burst = max(_BURST, found.quota.requests_per_minute // 10)
        limits = Limits(rate=rate, burst=min(burst, found.quota.requests_per_minute))
        self._requests.admit(found.name, limits=limits).release()
        return found

    def spender(self, request: Request, authorization: Authorization = "") -> Caller:
        """One that may spend and store. Raises KeyMissingError, NotReadyError too."""
        found = self.caller(request, authorization)
        if not found.may_spend:
            raise KeyMissingError("this takes an API key: send `Authorization: Bearer KEY`")
        if not self._is_ready():
            raise NotReadyError("not ready: catching up with the chain, or stopping")
        return found

    def uploader(self, request: Request, authorization: Authorization = "") -> Caller:
        """One whose bytes of this hour suffice. Raises UploadCapError too."""
        found = self.spender(request, authorization)
        size = request.headers.get("content-length", "")
        if not size.isdecimal():
            raise RequestUnreadableError("an upload says its length beforehand")
        self.keep(found, int(size))
        return found

    def keep(self, caller: Caller, size: int) -> None:
        """Bytes that stay on the disk for a caller. Raises UploadCapError."""
        most = caller.quota.blob_bytes_per_hour
        limits = Limits(_UNBOUND, _UNBOUND, None, spend_per_hour=most)
        try:
            self._uploads.admit(caller.name, size, limits).release()
        except SpendExceededError as error:
            text = f"{size} bytes more would be over your {most} an hour"
            raise UploadCapError(text, error.retry_after) from None
