# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from eth_account import Account

from offchain_workers import keys
from offchain_workers.errors import FusionError
from offchain_workers.passwords import read_password

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> keys.Keystore:
    """One real keystore: scrypt makes each take about a second."""
    return keys.create(tmp_path_factory.mktemp("keys") / "new", "alice", PASSWORD)


def refused(code: str, path: Path, password: str = PASSWORD) -> None:
    with pytest.raises(FusionError) as caught:
        keys.load(path, password)
    assert caught.value.code == code


def test_a_new_keystore_opens_with_its_password(stored: keys.Keystore) -> None:
    account = keys.load(stored.path, PASSWORD)
    assert account.address == stored.address
    assert keys.describe(stored.path) == stored


def test_a_new_keystore_is_private_encrypted_by_scrypt_and_alone(stored: keys.Keystore) -> None:
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in stored.path.parent.iterdir()] == ["alice.json"]
    crypto = json.loads(stored.path.read_text())["crypto"]
    assert (crypto["kdf"], crypto["kdfparams"]["n"]) == ("scrypt", 2**18)


def test_a_wrong_password_is_told_from_damage(stored: keys.Keystore) -> None:
    refused("MN-KEY-006", stored.path, "wrong")


def test_a_keystore_is_never_overwritten(stored: keys.Keystore) -> None:
    before = stored.path.read_bytes()
    with pytest.raises(FusionError, match="MN-KEY-002"):
        keys.create(stored.path.parent, "alice", PASSWORD)
    assert stored.path.read_bytes() == before


def test_of_two_writers_the_slower_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("first")
    with pytest.raises(FusionError, match="MN-KEY-002"):
        keys.store_new(path, "second")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Alice", ".hidden", "a" * 65, "a.json", "é"])
def test_names_that_are_no_plain_file_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="MN-KEY-001"):
        keys.create(tmp_path, name, PASSWORD)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_password_is_refused_at_creation(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="MN-KEY-007"):
        keys.create(tmp_path, "bob", "")


def test_a_folder_that_can_not_be_made_is_an_error_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FusionError, match="MN-KEY-003"):
        keys.store_new(tmp_path / "file/bob.json", "{}")


def test_a_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FusionError, match="MN-KEY-003"):
        keys.store_new(tmp_path / "bob.json", "{}")
    assert list(tmp_path.iterdir()) == []


def test_a_keystore_that_is_missing_has_its_own_code(tmp_path: Path) -> None:
    refused("MN-KEY-004", tmp_path / "none.json")
    refused("MN-KEY-004", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b"\xff",
        b'{"crypto": 1}',
        b'{"crypto": {"kdfparams": {}}}',
        b'{"version": 3, "crypto": {"kdf": "scrypt", "kdfparams": {"n": "x"}}}',
        b'{"version": 9, "crypto": {"kdf": "none", "kdfparams": {"n": 2}}}',
    ],
)
def test_damaged_keystores_have_a_code(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    refused("MN-KEY-005", path)


def test_a_keystore_that_would_take_all_memory_is_refused(
    stored: keys.Keystore, tmp_path: Path
) -> None:
    keystore = json.loads(stored.path.read_text())
    keystore["crypto"]["kdfparams"]["n"] = 2**40
    (tmp_path / "bomb.json").write_text(json.dumps(keystore))
    refused("MN-KEY-005", tmp_path / "bomb.json")


def test_a_keystore_with_another_address_is_refused(tmp_path: Path) -> None:
    keystore = Account.create().encrypt(PASSWORD, iterations=2)
    keystore["address"] = "11" * 20
    (tmp_path / "swapped.json").write_text(json.dumps(keystore))
    refused("MN-KEY-005", tmp_path / "swapped.json")


def test_pbkdf2_keystores_of_other_tools_open(tmp_path: Path) -> None:
    account = Account.create()
    keystore = account.encrypt(PASSWORD, kdf="pbkdf2", iterations=2)
    (tmp_path / "other.json").write_text(json.dumps(keystore))
    assert keys.load(tmp_path / "other.json", PASSWORD).address == account.address


def test_the_list_is_by_name_and_a_bad_file_does_not_hide_the_others(
    stored: keys.Keystore, tmp_path: Path
) -> None:
    (tmp_path / "bob.json").write_text("{")
    (tmp_path / "alice.json").write_bytes(stored.path.read_bytes())
    found = [(keystore.name, keystore.address) for keystore in keys.list_keystores(tmp_path)]
    assert found == [("alice", stored.address), ("bob", None)]
    assert keys.list_keystores(tmp_path / "absent") == []


def test_a_keystore_is_found_by_name_or_path(tmp_path: Path) -> None:
    assert keys.find(tmp_path, "bob") == tmp_path / "bob.json"
    assert keys.find(tmp_path, "/x/UTC--1") == Path("/x/UTC--1")
    with pytest.raises(FusionError, match="MN-KEY-011"):
        keys.find(tmp_path, None)


def password_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "pw"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_password_is_the_first_line_of_its_file_spaces_kept(tmp_path: Path) -> None:
    assert read_password(password_file(tmp_path, b" a b \r\nrest\n"), "") == " a b "


def test_the_environment_wins_over_the_password_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_PASSWORD", "from env")
    assert read_password(password_file(tmp_path, b"from file"), "") == "from env"


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_password_file_that_others_can_read_gives_a_warning(
    mode: int, warned: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from offchain_workers import logs

    logs.configure()
    read_password(password_file(tmp_path, b"hunter2", mode), "")
    out, err = capfd.readouterr()
    assert ("chmod 600" in err) == warned
    assert "hunter2" not in out + err


def test_a_password_file_that_can_not_be_read_has_a_code(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", password_file(tmp_path, b"\xff\xfe")):
        with pytest.raises(FusionError, match="MN-KEY-008"):
            read_password(path, "")


def test_without_a_terminal_or_a_source_the_error_says_what_to_set() -> None:
    with pytest.raises(FusionError, match=r"MN-KEY-009.*FUSION_PASSWORD"):
        read_password(None, "")
