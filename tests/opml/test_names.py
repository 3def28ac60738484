# SPDX-License-Identifier: Apache-2.0
"""What people call a program's nodes: convenient, and never needed."""

from __future__ import annotations

import json

import pytest

from offchain_workers.storage import BlobMissingError
from tests.opml.compiled import Bundle, digits_bundle
from verifiers.opml.files import Files
from verifiers.opml.names import NAMES_FILE, format_names, parse_names

BUNDLE = digits_bundle()


def names_of(bundle: Bundle) -> list[str]:
    return list(Files(bundle.card, bundle.header.artifact_id(), bundle.blob).names())


def test_each_node_has_the_name_that_the_float_model_gives_it() -> None:
    assert names_of(BUNDLE) == json.loads(BUNDLE.files[NAMES_FILE])
    assert len(names_of(BUNDLE)) == BUNDLE.header.node_count
    assert names_of(BUNDLE)[-1] == "weighted2 -> logits"


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b'["one too few"]', b'{"0": "a"}', b"[" * 1_500]
)
def test_a_file_that_does_not_fit_names_nothing(data: bytes) -> None:
    assert names_of(BUNDLE.changed(NAMES_FILE, data)) == []


def test_a_file_that_nobody_has_names_nothing() -> None:
    def blob(cid: str, max_bytes: int) -> bytes:
        if cid == files.cids[NAMES_FILE]:
            raise BlobMissingError("gone")
        return BUNDLE.blob(cid, max_bytes)

    files = Files(BUNDLE.card, BUNDLE.header.artifact_id(), blob)
    assert list(files.names()) == []


def test_bundles_of_before_have_no_names() -> None:
    files = Files(BUNDLE.card, BUNDLE.header.artifact_id(), BUNDLE.blob)
    del files.cids[NAMES_FILE]
    assert list(files.names()) == []


def test_long_names_keep_their_ends() -> None:
    [name] = parse_names(format_names(["/model" * 100 + "/MatMul"]), 1)
    assert len(name) == 80
    assert name.endswith("/model/MatMul")
