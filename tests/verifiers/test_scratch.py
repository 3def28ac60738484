# SPDX-License-Identifier: Apache-2.0
"""Temporary folders of provers: private, and gone after a crash."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from verifiers.scratch import Scratch, sweep

PREFIX = "fusion-scratch-test-"
HOLD = f"""
import sys, tempfile
from pathlib import Path
from verifiers.scratch import Scratch
tempfile.tempdir = sys.argv[1]
scratch = Scratch({PREFIX!r})
Path(scratch.name, "input.json").write_text("secret")
print(scratch.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def holder(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process with a folder of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_only_this_user_can_look_into_a_folder() -> None:
    with Scratch(PREFIX) as name:
        assert Path(name).stat().st_mode & 0o777 == 0o700
        Path(name, "deep").mkdir()
    assert not Path(name).exists()


def test_a_folder_goes_with_its_object() -> None:
    scratch = Scratch(PREFIX)
    path = Path(scratch.name)
    del scratch
    assert not path.exists()


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_stays(
    tmp_path: Path,
) -> None:
    killed, left = holder(tmp_path)
    living, held = holder(tmp_path)
    own = Scratch(PREFIX)
    killed.kill()
    killed.wait()
    assert (left / "input.json").exists()
    sweep(PREFIX)
    assert not left.exists()
    assert held.exists()
    assert Path(own.name).exists()
    living.communicate()
    assert not held.exists()


def test_a_sweep_follows_no_link_and_leaves_other_names(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "precious")
    (tmp_path / f"{PREFIX}file").write_text("no folder")
    sweep(PREFIX)
    assert (tmp_path / "precious").exists()
    assert (tmp_path / f"{PREFIX}file").exists()
