# SPDX-License-Identifier: Apache-2.0
"""Manifests come from strangers: whatever is in one, reading it ends in a body or a code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_account import Account

from offchain_workers.engines.hardware import Hardware
from offchain_workers.manifest import (
    ManifestInvalidError,
    Place,
    build_manifest,
    verify_manifest,
)
from offchain_workers.signed import canonical

PLACE = Place(31337, "0x" + "11" * 20)
HARDWARE = Hardware("cpu", (), "1", "3.11", "Linux x86_64", "cpu", 1, 1 << 30, ())
KEY = bytes(range(32))
DOCUMENT = build_manifest(Account.create(), PLACE, "http://x", HARDWARE, [], ["none"], {}, KEY, 1)
OUTER = json.loads(DOCUMENT)


def test_an_honest_one() -> None:
    assert verify_manifest(DOCUMENT, PLACE)["endpoint"] == "http://x"


@pytest.mark.parametrize(
    "signature",
    ["0x", "0x00", OUTER["signature"][:40], "0x" + "00" * 65, "0x" + "ff" * 65, 5],
    ids=["empty", "a byte", "short", "zeros", "ones", "a number"],
)
def test_signatures_that_are_none(signature: Any) -> None:
    with pytest.raises(ManifestInvalidError):
        verify_manifest(canonical({**OUTER, "signature": signature}), PLACE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("issued_at", value) for value in (-1, "x", 1 << 300, True, 1.5, None)),
        *(("operator", value) for value in ("me", 5, None, [], "0x" + "22" * 20)),
        ("endpoint", "http://y"),
    ],
)
def test_fields_that_were_not_signed_so(field: str, value: Any) -> None:
    body = {**OUTER["body"], field: value}
    with pytest.raises(ManifestInvalidError):
        verify_manifest(canonical({**OUTER, "body": body}), PLACE)
