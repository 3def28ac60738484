# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import pty
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from offchain_workers import keys

Fusion = Callable[..., tuple[int, str, str]]

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


def test_an_account_is_made_shown_and_listed(
    fusion: Fusion, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_PASSWORD", "pw")
    code, out, _ = fusion("account", "new", "alice", "--json")
    made = json.loads(out)
    path = home / ".fusion/keys/alice.json"
    assert (code, made["name"], made["path"]) == (0, "alice", str(path))
    assert keys.load(path, "pw").address == made["address"]

    assert json.loads(fusion("account", "show", "alice", "--json")[1]) == made
    assert json.loads(fusion("account", "list", "--json")[1]) == {"accounts": [made]}
    monkeypatch.setenv("FUSION_ACCOUNT__KEYSTORE", "alice")
    for arguments in (("show",), ("list",)):
        code, out, _ = fusion("account", *arguments)
        assert code == 0
        assert made["address"] in out
        assert str(path) in out.replace("\n", "")


def test_an_empty_folder_says_what_to_do(fusion: Fusion) -> None:
    code, out, _ = fusion("account", "list")
    assert code == 0
    assert "fusion account new NAME" in out
    assert json.loads(fusion("account", "list", "--json")[1]) == {"accounts": []}


def test_a_private_key_on_the_command_line_is_refused_unseen(fusion: Fusion) -> None:
    code, out, err = fusion("account", "show", KEY)
    assert (code, out) == (1, "")
    assert err.startswith("error MN-CFG-005: the command line: account.keystore")
    assert KEY[:10] not in err


def test_no_account_at_all_is_an_error_with_a_code(fusion: Fusion) -> None:
    assert fusion("account", "show")[2].startswith("error MN-KEY-011: ")
    assert fusion("account", "show", "bob")[2].startswith("error MN-KEY-004: ")


def typed(answers: list[tuple[str, str]], *args: str) -> tuple[int, str]:
    """Run `fusion` at a real terminal; each answer is sent when its prompt has come."""
    pid, terminal = pty.fork()
    if pid == 0:
        # A test run in the background has Ctrl-C ignored, and its children would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-m", "offchain_workers.cli", *args])
    shown = ""
    try:
        while chunk := _read(terminal):
            shown += chunk
            if answers and shown.count(":") and shown.endswith(answers[0][0]):
                os.write(terminal, answers.pop(0)[1].encode())
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode()
    except OSError:  # Linux's way to say that the other side is gone
        return ""


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run in a folder of their own."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.usefixtures("importable")
def test_a_typed_password_is_hidden_and_asked_twice(home: Path) -> None:
    prompts = [("alice: ", "hunter2\n"), ("more: ", "hunter2\n")]
    code, shown = typed(prompts, "account", "new", "alice")
    assert code == 0, shown
    assert "hunter2" not in shown
    assert keys.load(home / ".fusion/keys/alice.json", "hunter2").address in shown


@pytest.mark.usefixtures("importable")
def test_two_different_typed_passwords_make_nothing(home: Path) -> None:
    code, shown = typed([("alice: ", "a\n"), ("more: ", "b\n")], "account", "new", "alice")
    assert code == 1
    assert "MN-KEY-010" in shown
    assert not (home / ".fusion").exists()


@pytest.mark.usefixtures("importable")
def test_control_c_at_the_prompt_ends_with_130_and_no_traceback(home: Path) -> None:
    code, shown = typed([("alice: ", "\x03")], "account", "new", "alice")
    assert code == 130
    assert "Traceback" not in shown
    assert not (home / ".fusion").exists()
