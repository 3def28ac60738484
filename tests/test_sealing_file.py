# SPDX-License-Identifier: Apache-2.0
"""An operator's sealing key on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from eth_account import Account

from offchain_workers.sealing_file import SUFFIX, SealingFileError, own_key

OPERATOR, OTHER = Account.create(), Account.create()


def the_file(folder: Path) -> Path:
    [path] = folder.glob(f"*{SUFFIX}")
    return path


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    key = own_key(tmp_path / "keys", OPERATOR)
    assert own_key(tmp_path / "keys", OPERATOR).public == key.public
    assert own_key(tmp_path / "keys", OTHER).public != key.public


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: own_key(tmp_path, OPERATOR).public, range(8)))
    assert len(set(found)) == 1


def test_only_its_account_can_read_it(tmp_path: Path) -> None:
    key = own_key(tmp_path, OPERATOR)
    path = the_file(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.secret_bytes().hex() not in path.read_text()
    path.rename(path.with_name(f"{OTHER.address.lower()}{SUFFIX}"))
    with pytest.raises(SealingFileError, match="MN-KEY-014"):
        own_key(tmp_path, OTHER)


@pytest.mark.parametrize("text", ["", "zz", "ab" * 80, "\xe4"])
def test_a_damaged_file_is_no_reason_for_a_new_key(tmp_path: Path, text: str) -> None:
    """Inputs that were sealed to the old one would be lost unnoticed."""
    own_key(tmp_path, OPERATOR)
    the_file(tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(SealingFileError):
        own_key(tmp_path, OPERATOR)
    assert the_file(tmp_path).read_text(encoding="utf-8") == text
