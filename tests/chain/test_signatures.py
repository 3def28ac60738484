# SPDX-License-Identifier: Apache-2.0
"""Signatures of strangers that are none: refused with a code, wherever they are read."""

from __future__ import annotations

import json

import pytest
from eth_account import Account

from offchain_workers.chain.contracts import Acceptance, Domain
from offchain_workers.chain.contracts.terms import accepted_by
from offchain_workers.chain.errors import TermsInvalidError
from offchain_workers.operator.errors import ManifestInvalidError
from offchain_workers.operator.manifest import Place, verify_manifest

REGISTRY = "0x" + "11" * 20
OPERATOR = Account.create().address


@pytest.mark.parametrize(
    ("v", "r", "s"), [(27, 0, 0), (27, 2**256 - 1, 1), (27, 5, 1), (27, 1, 2**256 - 1)]
)
def test_an_acceptance_that_nobody_signed(v: int, r: int, s: int) -> None:
    acceptance = Acceptance(10, 10**9, v, r, s)
    with pytest.raises(TermsInvalidError):
        accepted_by(acceptance, Domain(1, REGISTRY), bytes(32))


@pytest.mark.parametrize("signature", ["0x", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "01" * 64])
@pytest.mark.parametrize("operator", [OPERATOR, "0x00", "nobody"])
def test_a_manifest_that_nobody_signed(operator: str, signature: str) -> None:
    body = {"schema": "manifest@1", "operator": operator, "issued_at": 1}
    tree = {"body": body, "signature": signature}
    document = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(ManifestInvalidError):
        verify_manifest(document, Place(1, REGISTRY))
