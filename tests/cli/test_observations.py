# SPDX-License-Identifier: Apache-2.0
"""`fusion observations`: reading what gateways signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from tests.canaries.test_observations import OBSERVER, OPERATORS, entry, signed
from tests.cli.conftest import Fusion


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "seen.json"
    path.write_bytes(signed(OBSERVER, entry(OPERATORS[0], 9, 1), entry(OPERATORS[1], 4)))
    return path


def test_a_list_for_people_and_for_scripts(fusion: Fusion, document: Path) -> None:
    code, out, _ = fusion("observations", "list", str(document))
    assert code == 0
    assert OPERATORS[0] in out
    code, out, _ = fusion("observations", "list", str(document), "--json")
    data = json.loads(out)
    assert code == 0
    assert {one["observer"] for one in data["observations"]} == {OBSERVER.address}
    shares = {one["operator"]: one["right_share"] for one in data["weighed"]}
    assert shares == {OPERATORS[0]: 0.9, OPERATORS[1]: 1.0}


def test_only_those_trusted_are_weighed(fusion: Fusion, document: Path) -> None:
    stranger = Account.create().address
    code, out, _ = fusion("observations", "list", str(document), "--trust", stranger, "--json")
    assert code == 0
    assert json.loads(out)["weighed"] == []


def test_verifying_names_the_signer(fusion: Fusion, document: Path) -> None:
    code, out, _ = fusion("observations", "verify", str(document), "--json")
    assert code == 0
    assert json.loads(out)["observer"] == OBSERVER.address
    code, _, err = fusion(
        "observations", "verify", str(document), "--observer", Account.create().address
    )
    assert code == 1
    assert "MN-BAL-006" in err


def test_a_changed_document_and_a_missing_one(fusion: Fusion, document: Path) -> None:
    document.write_bytes(document.read_bytes().replace(b'"wrong":1', b'"wrong":0'))
    code, _, err = fusion("observations", "verify", str(document))
    assert (code, err.split()[1]) == (1, "MN-BAL-006:")
    document.write_bytes(b"[\x00]")
    code, _, err = fusion("observations", "list", str(document))
    assert (code, err) == (1, "error MN-BAL-006: not a signed observations@1\n")
    code, _, err = fusion("observations", "list", "nowhere.json")
    assert (code, err.split()[1]) == (1, "MN-BAL-007:")
