# SPDX-License-Identifier: Apache-2.0
"""To which key a private input is sealed: the one that the operator signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from offchain_workers.engines.hardware import Hardware
from offchain_workers.manifest import ManifestInvalidError, Place, build_manifest
from offchain_workers.requester.errors import WorkerUnreachableError
from offchain_workers.requester.workers import Member, talking
from offchain_workers.sealing import SealingKey
from tests.requester.members import listening

OPERATOR, STRANGER = Account.create(), Account.create()
PLACE = Place(31337, "0x" + "11" * 20)
KEY = SealingKey.generate().public
HARDWARE = Hardware("CPU", ("CPU",), "1.20", "3.11", "Linux", "x86", 1, 1 << 30, ())


def manifest(account: Any = OPERATOR, place: Place = PLACE, key: bytes = KEY) -> bytes:
    return build_manifest(account, place, "", HARDWARE, [], [], {}, key, 1)


@contextmanager
def serving(status: int, document: bytes) -> Iterator[Member]:
    """An operator's endpoint that answers every request with ``document``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as url:
        yield Member(0, OPERATOR.address, 1, url)


def asked(document: bytes, status: int = 200) -> bytes:
    with serving(status, document) as member, talking(member) as worker:
        return worker.sealing_key(PLACE)


def test_the_key_is_the_manifests() -> None:
    assert asked(manifest()) == KEY


def without_key() -> bytes:
    """As a worker of an older version signs it."""
    body = json.loads(manifest())["body"]
    del body["sealing_key"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signed = OPERATOR.sign_message(PLACE.message(OPERATOR.address, keccak(text), 1))
    document = {"body": body, "signature": "0x" + bytes(signed.signature).hex()}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "document",
    [
        manifest(STRANGER),
        manifest(place=Place(1, PLACE.registry)),
        manifest().replace(KEY.hex().encode(), SealingKey.generate().public.hex().encode()),
        manifest(key=KEY[:31]),
        without_key(),
        b"{}",
    ],
    ids=["stranger", "other chain", "replaced", "short", "none", "nothing"],
)
def test_a_key_that_the_operator_did_not_sign_is_not_used(document: bytes) -> None:
    with pytest.raises(ManifestInvalidError):
        asked(document)


def test_a_worker_without_a_manifest_has_no_key_yet() -> None:
    with pytest.raises(WorkerUnreachableError):
        asked(b"", 503)
