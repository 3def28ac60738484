# SPDX-License-Identifier: Apache-2.0
"""Blobs over HTTP: GET, HEAD and PUT ``{base}/blobs/{cid}``; every byte is verified here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from offchain_workers.storage.addresses import check_base_url, public_addresses
from offchain_workers.storage.content import check_content_id, check_size, content_id, verify
from offchain_workers.storage.errors import (
    BlobMissingError,
    BlobTooLargeError,
    StoreFullError,
    StoreUnreachableError,
)

_IDENTITY = {"Accept-Encoding": "identity"}  # a compressed answer could unpack past the limit


class HttpStore:
    """A BlobStore behind an HTTP server. Follows no redirect and uses no proxy of the environment.

    ``allow_private=False`` resolves the host once per request, refuses it (PrivateAddressError)
    when any address is loopback, private or link-local, and connects to the address it checked.
    ``timeout`` bounds each connect and read, ``deadline`` a whole transfer; both in seconds.
    """

    def __init__(
        self,
        base_url: str,
        *,
        allow_private: bool = False,
        timeout: float = 10.0,
        deadline: float = 120.0,
    ) -> None:
        self._base = check_base_url(base_url)
        self._allow_private = allow_private
        self._deadline = deadline
        self._client = httpx.Client(
            timeout=timeout, trust_env=False, follow_redirects=False, headers=_IDENTITY
        )

    def put(self, data: bytes) -> str:
        """Send ``data`` to the server; returns its content id."""
        cid = content_id(data)
        with self._exchange("PUT", cid, content=data) as response:
            self._check_status(response, cid, {200, 201, 204})
        return cid

    def get(self, cid: str, max_bytes: int) -> bytes:
        """The verified bytes; reads at most ``max_bytes`` whatever the server sends."""
        cid = check_content_id(cid)
        with self._exchange("GET", cid) as response:
            self._check_status(response, cid, {200})
            data = self._read(response, cid, max_bytes)
        return verify(cid, data, str(self._base))

    def has(self, cid: str) -> bool:
        """Whether the server says that it has ``cid``."""
        cid = check_content_id(cid)
        with self._exchange("HEAD", cid) as response:
            if response.status_code == 404:
                return False
            self._check_status(response, cid, {200})
        return True

    def close(self) -> None:
        """Close pooled connections."""
        self._client.close()

    @contextmanager
    def _exchange(self, method: str, cid: str, **more: Any) -> Iterator[httpx.Response]:
        response = self._send(method, cid, **more)
        try:
            yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def _send(self, method: str, cid: str, **more: Any) -> httpx.Response:
        """The first address that accepts a connection answers."""
        refused: httpx.TransportError | None = None
        for request in self._requests(method, cid, **more):
            try:
                return self._client.send(request, stream=True)
            except httpx.ConnectError as error:
                refused = error
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
        raise self._unreachable(refused) from refused

    def _requests(self, method: str, cid: str, **more: Any) -> Iterator[httpx.Request]:
        url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/blobs/{cid}")
        return requests_to(self._client, method, url, self._allow_private, **more)

    def _read(self, response: httpx.Response, cid: str, max_bytes: int) -> bytes:
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal():
            check_size(cid, int(announced), max_bytes)
        end = time.monotonic() + self._deadline
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            check_size(cid, len(data), max_bytes)
            if time.monotonic() > end:
                raise StoreUnreachableError(f"{self._base}: {cid} took over {self._deadline:g} s")
        return bytes(data)

    def _check_status(self, response: httpx.Response, cid: str, accepted: set[int]) -> None:
        status = response.status_code
        if status in accepted:
            return
        if status == 404:
            raise BlobMissingError(f"{self._base} has no blob {cid}")
        if status == 413:
            raise BlobTooLargeError(f"{self._base} refuses blob {cid} as too large")
        if status == 507:
            raise StoreFullError(f"{self._base} has no room for blob {cid}")
        hint = "; redirects are not followed" if response.is_redirect else ""
        raise StoreUnreachableError(f"{self._base} answered {status} for blob {cid}{hint}")

    def _unreachable(self, error: httpx.TransportError | None) -> StoreUnreachableError:
        reason = str(error) or type(error).__name__
        return StoreUnreachableError(f"{self._base}: {reason}")


def requests_to(
    client: httpx.Client, method: str, url: httpx.URL, allow_private: bool, **more: Any
) -> Iterator[httpx.Request]:
    """One request for each address of the URL's host, to be tried in turn; where private ones are
    not allowed, to the very addresses that were checked. Raises PrivateAddressError,
    StoreUnreachableError for a name that nobody knows."""
    if allow_private:
        yield client.build_request(method, url, **more)
        return
    default_port = 443 if url.scheme == "https" else 80
    for address in public_addresses(url.host, url.port or default_port):
        yield client.build_request(
            method,
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode()},
            extensions={"sni_hostname": url.host},
            **more,
        )
