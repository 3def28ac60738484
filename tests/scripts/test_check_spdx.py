# SPDX-License-Identifier: Apache-2.0
"""The licence check finds what is missing and what is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import check_spdx

APACHE = "# SPDX-License-Identifier: Apache-2.0\n"
AGPL = "# SPDX-License-Identifier: AGPL-3.0-only\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_tree_is_clean() -> None:
    assert check_spdx.main() == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", APACHE),
        ("a.sh", "#!/bin/sh\n" + APACHE),
        ("contracts/A.vy", AGPL),
        ("interfaces/IA.vyi", APACHE),
        ("tests/toy.vy", APACHE),
        ("tests/toy.vy", AGPL + "from snekmate.auth import ownable\n"),
        ("notes.md", "no licence line is asked of prose"),
    ],
)
def test_the_right_licence_passes(tree: Path, name: str, text: str) -> None:
    put(tree, name, text)
    assert check_spdx.main(tree) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "print(1)\n"),
        ("a.py", "\n\n\n" + APACHE),
        ("a.py", AGPL),
        ("contracts/A.vy", APACHE),
        ("interfaces/IA.vyi", AGPL),
        ("tests/toy.vy", APACHE + "from snekmate.auth import ownable\n"),
        ("Makefile", "all:\n"),
    ],
)
def test_a_missing_or_wrong_licence_fails(
    tree: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tree, name, text)
    assert check_spdx.main(tree) == 1
    assert name in capsys.readouterr().err
