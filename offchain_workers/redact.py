# SPDX-License-Identifier: Apache-2.0
"""Take secrets out of text that people will read, store or paste into an issue."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HIDDEN = "***"

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>]+")
# Hosted RPC keys sit in the path: long, mixed letters and digits. An address or a hash that the
# network knows carries 0x and stays readable.
_PATH_KEY = re.compile(r"(?!0x)(?=[^/]*[0-9])(?=[^/]*[a-zA-Z])[A-Za-z0-9_-]{20,}")


def redact(text: str) -> str:
    """``text`` with user info, query values and key-like path parts of each URL hidden."""
    return _URL.sub(lambda match: redact_url(match[0]), text)


def redact_url(url: str) -> str:
    """One URL with its secrets hidden; text that only looks like a URL is hidden whole."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    path = "/".join(_hide_key(part) for part in parts.path.split("/"))
    query = "&".join(_hide_value(pair) for pair in parts.query.split("&"))
    # Not urlunsplit: it takes the slashes of an empty host away (sqlite:////path).
    url = f"{parts.scheme}://{_hide_user(parts.netloc)}{path}"
    return f"{url}?{query}" if parts.query else url


def _hide_user(netloc: str) -> str:
    _, at, host = netloc.rpartition("@")
    return f"{HIDDEN}@{host}" if at else host


def _hide_key(part: str) -> str:
    return HIDDEN if _PATH_KEY.fullmatch(part) else part


def _hide_value(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={HIDDEN}" if equals else HIDDEN
