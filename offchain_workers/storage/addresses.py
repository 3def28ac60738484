# SPDX-License-Identifier: Apache-2.0
"""Where a URL may lead: a locator comes from a stranger's post and must not reach our network."""

from __future__ import annotations

import ipaddress
import socket

import httpx

from offchain_workers.storage.errors import (
    InvalidLocationError,
    PrivateAddressError,
    StoreUnreachableError,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses that carry an IPv4 address inside: the gateway, not we, would decide where they lead.
_TRANSLATED = tuple(
    ipaddress.ip_network(prefix) for prefix in ("64:ff9b::/96", "2002::/16", "2001::/32", "::/96")
)


def check_base_url(base_url: str) -> httpx.URL:
    """``base_url`` parsed; raises InvalidLocationError unless it is http(s)://host[:port][/path]."""
    try:
        url = httpx.URL(base_url.rstrip("/"))
        host = url.host
        # What is made of it later may raise as well: a path with more, a name to resolve.
        url.copy_with(path=f"{url.path}/")
        url.raw_host.decode().encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidLocationError(f"{base_url[:200]!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not host:
        raise InvalidLocationError(f"{base_url[:200]!r} is not an http(s) URL")
    if url.userinfo or url.query or url.fragment:
        raise InvalidLocationError("a base URL has no user, query or fragment")
    return url


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of ``host``, resolved once; PrivateAddressError when one is not public."""
    found = dict.fromkeys(_resolve(host, port))
    for address in found:
        if not is_public(address):
            raise PrivateAddressError(f"{host} leads to {address}, which is not a public address")
    return [str(address) for address in found]


def is_public(address: Address) -> bool:
    """Whether ``address`` is one that anyone on the internet reaches as the same machine."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _resolve(host: str, port: int) -> list[Address]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StoreUnreachableError(f"can't resolve {host}: {error}") from error
    return [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]
