# SPDX-License-Identifier: Apache-2.0
"""The ceremony's files are known by their hashes; nothing else passes for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from py_ecc.bn128 import FQ2, b2, is_on_curve

from verifiers.zkml import srs
from verifiers.zkml.faults import SrsMissingError, SrsWrongError
from verifiers.zkml.runner import Ezkl
from verifiers.zkml.srs import CEREMONY, CEREMONY_NEG_TAU_G2, Kind


def test_there_is_a_hash_for_each_size() -> None:
    assert len(CEREMONY) == len(set(CEREMONY)) == 26
    assert CEREMONY[11].startswith("28b151069f41abc1")
    assert CEREMONY[14].startswith("90807800a1c3b248")
    assert all(len(bytes.fromhex(found)) == 32 for found in CEREMONY)


def test_the_ceremonys_point_is_on_the_curve() -> None:
    x1, x0, y1, y0 = CEREMONY_NEG_TAU_G2
    assert is_on_curve((FQ2([x0, x1]), FQ2([y0, y1])), b2)


def test_a_development_setup_is_told_from_the_ceremonys(tmp_path: Path) -> None:
    made = srs.development(tmp_path / "kzg5.srs", 5, Ezkl(tmp_path))
    assert (made.k, made.kind) == (5, Kind.DEVELOPMENT)
    assert made.sha256 == hashlib.sha256((tmp_path / "kzg5.srs").read_bytes()).hexdigest()
    with pytest.raises(SrsWrongError, match=CEREMONY[4]):
        srs.ceremony(tmp_path, 5)


def test_a_missing_file_is_named_and_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(SrsMissingError, match=CEREMONY[11]):
        srs.ceremony(tmp_path, 12)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_the_ceremonys_hash_is_the_ceremonys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its real files can't be fetched here: the table is given the hash of another."""
    data = (5).to_bytes(4, "little") + bytes(64)
    (tmp_path / "kzg5.srs").write_bytes(data)
    table = (*CEREMONY[:4], hashlib.sha256(data).hexdigest(), *CEREMONY[5:])
    monkeypatch.setattr(srs, "CEREMONY", table)
    assert srs.ceremony(tmp_path, 5).kind is Kind.CEREMONY


def test_a_file_that_is_no_setup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srs").write_bytes(b"\xff" * 100)
    with pytest.raises(SrsWrongError):
        srs.inspect(tmp_path / "a.srs")
