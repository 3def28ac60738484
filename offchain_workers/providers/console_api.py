# SPDX-License-Identifier: Apache-2.0
"""Akash's Console API (console-api.akash.network) as published in 2026: the parts we use.

Never run against the live service: the tests' stand-in follows the published schema.
"""

from __future__ import annotations

from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from offchain_workers.problems import first_problem
from offchain_workers.providers.console_schema import (
    BidBody,
    Bids,
    Created,
    Deployment,
    Deployments,
    GpuModel,
    GpuPrices,
    OneDeployment,
)
from offchain_workers.providers.errors import (
    CreditError,
    KeyRefusedError,
    OrderRefusedError,
    ProviderError,
    SourceNonsenseError,
    SourceUnavailableError,
)

_SECONDS = 30.0
_PAGE = 100
_MAX_PAGES = 100
_Model = TypeVar("_Model", bound=BaseModel)


class ConsoleApi:
    """One account's. Raises ProviderError; SourceUnavailableError where a request may have been
    carried out nevertheless."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            timeout=_SECONDS,
            trust_env=False,
            follow_redirects=False,
            headers={"x-api-key": key},
        )

    def close(self) -> None:
        self._http.close()

    def gpu_prices(self) -> list[GpuModel]:
        return self._get(GpuPrices, "/v1/gpu-prices").models

    def create(self, sdl: str, name: str, hours: int) -> str:
        """The deployment's number."""
        data = {"sdl": sdl, "name": name, "runtimeLimitHours": hours}
        return self._send(Created, "POST", "/v1/deployments", {"data": data}).data.dseq

    def bids(self, dseq: str) -> list[BidBody]:
        return [item.bid for item in self._get(Bids, "/v1/bids", {"dseq": dseq}).data]

    def lease(self, bid: dict[str, Any]) -> None:
        """``bid``: dseq, gseq, oseq and provider of a bid. Asked again, it does nothing more."""
        self._send(OneDeployment, "POST", "/v1/leases", {"leases": [bid]})

    def deployment(self, dseq: str) -> Deployment | None:
        """None for a number that the account does not have."""
        response = self._request("GET", f"/v1/deployments/{dseq}")
        if response.status_code == 404:
            return None
        return _parsed(OneDeployment, _checked(response)).data

    def close_deployment(self, dseq: str) -> None:
        """Leases and all; one that is closed already, or not there, is no error."""
        response = self._request("DELETE", f"/v1/deployments/{dseq}")
        if response.status_code != 404:
            _checked(response)

    def active(self) -> list[Deployment]:
        """Every deployment that is not closed."""
        found: list[Deployment] = []
        for page in range(_MAX_PAGES):
            query = {"state": "active", "skip": str(page * _PAGE), "limit": str(_PAGE)}
            listed = self._get(Deployments, "/v1/deployments", query).data
            found += listed.deployments
            if not listed.pagination.hasMore:
                return found
        raise SourceNonsenseError(f"a list of deployments with over {_MAX_PAGES} pages")

    def _get(self, model: type[_Model], path: str, query: dict[str, str] | None = None) -> _Model:
        return _parsed(model, _checked(self._request("GET", path, params=query)))

    def _send(self, model: type[_Model], method: str, path: str, body: Any) -> _Model:
        return _parsed(model, _checked(self._request(method, path, json=body)))

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise SourceUnavailableError(f"the console does not answer: {error!r}") from error


def _parsed(model: type[_Model], response: httpx.Response) -> _Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        problem = first_problem(error, "all of it")
        raise SourceNonsenseError(f"the console's answer: {problem}") from None


def _checked(response: httpx.Response) -> httpx.Response:
    status = response.status_code
    if response.is_success:
        return response
    reason = f"the console answers {status}: {_message(response)}"
    raise _kind(status)(reason)


def _kind(status: int) -> type[ProviderError]:
    if status == 401:
        return KeyRefusedError
    if status == 402:
        return CreditError
    if status == 429 or status >= 500 or 300 <= status < 400:
        return SourceUnavailableError
    return OrderRefusedError


def _message(response: httpx.Response) -> str:
    """The reason that the service gives, short."""
    try:
        body = response.json()
        return f"{body.get('code', '')} {body.get('message', '')}".strip()[:200]
    except (ValueError, AttributeError):
        return response.text[:100]
