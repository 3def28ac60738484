# SPDX-License-Identifier: Apache-2.0
"""What single values must look like. Messages never repeat a value: it may be a secret."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from offchain_workers.errors import FusionError
from offchain_workers.units import parse_amount

# Alone or in a list. Not a part of a URL (hosted RPCs put such keys in the path) or `model:0x...`.
_KEY = re.compile(r"(?<![\w:/=.-])(0[xX])?[0-9a-fA-F]{64}(?!\w)", re.ASCII)
_MODEL = re.compile(r"model:(0x[0-9a-f]{64})")
_SEED_LENGTHS = (12, 15, 18, 21, 24)
_SQLITE_HOME = "sqlite:///~/"


def is_key_material(value: Any) -> bool:
    """Whether a value could be a private key (64 hex digits) or a seed phrase."""
    if isinstance(value, str):
        words = value.split()
        phrase = len(words) in _SEED_LENGTHS and all(w.isalpha() and w.islower() for w in words)
        return phrase or _KEY.search(value) is not None
    # TOML reads an unquoted 0x... as an integer; no setting is that large.
    return isinstance(value, int) and value.bit_length() > 128


def split_list(value: Any) -> Any:
    """A list out of the environment's ``a,b`` or ``["a", "b"]``."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def expand_home(value: Any) -> Any:
    """``~`` becomes the home folder."""
    return Path(value).expanduser() if isinstance(value, (str, Path)) else value


def expand_database(value: Any) -> Any:
    """``sqlite:///~/x`` becomes a path in the home folder, which SQLAlchemy would not do."""
    if isinstance(value, str) and value.startswith(_SQLITE_HOME):
        return f"sqlite:///{Path.home()}/{value.removeprefix(_SQLITE_HOME)}"
    return value


def check_http_url(value: Any) -> str:
    """An http(s) URL with a host, without its trailing slash."""
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a URL such as http://127.0.0.1:8545")
    return str(value).rstrip("/")


def check_relay_url(value: Any) -> str:
    """The http(s) URL of a relay, which may be written with ws or wss too."""
    if isinstance(value, str) and value.startswith(("ws://", "wss://")):
        value = "http" + value.removeprefix("ws")
    return check_http_url(value)


def check_address(value: Any) -> str:
    """A checksummed address; a mixed-case one must already have the right checksum."""
    from eth_utils.address import is_hex_address, to_checksum_address

    if isinstance(value, str) and value.startswith("0x") and is_hex_address(value):
        checked = to_checksum_address(value)
        if value in (value.lower(), checked):
            return checked
    raise ValueError("write an address: 0x, 40 hex digits, and the right checksum if mixed-case")


def model_id(value: Any) -> str:
    """``0x...`` out of ``model:0x...``; the prefix tells an id from a private key."""
    match = _MODEL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a model as model:0x followed by its id's 64 lower-case hex digits")
    return match[1]


def to_wei(value: Any) -> Any:
    """Wei as they stand, or an amount with its unit."""
    if not isinstance(value, str) or value.strip().isdigit():
        return value
    try:
        return parse_amount(value)
    except FusionError as error:
        raise ValueError(error.message) from error


def model_reference(raw: bytes) -> str:
    """How a configuration names a model, see ``model_id``."""
    return f"model:0x{raw.hex()}"
