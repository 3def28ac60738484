# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from offchain_workers.codecs import get_codec
from offchain_workers.codecs.registry import BUILT_IN, GROUP, codec_names
from offchain_workers.models.errors import UnknownCodecError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_codecs_are_found(name: str) -> None:
    assert get_codec(name).name == name


def test_the_package_declares_the_same_codecs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == BUILT_IN


@pytest.mark.parametrize("name", ["", "tensor", "tensor@2", "../tensor@1"])
def test_unknown_codec(name: str) -> None:
    with pytest.raises(UnknownCodecError, match="digits@1, magika@1, tensor@1"):
        get_codec(name)


def install(folder: Path, entries: str) -> None:
    """A package on ``folder``, as pip would leave it."""
    (folder / "shout.py").write_text("class Shout:\n    name = 'shout@1'\n")
    info = folder / "shout-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")


def find(folder: Path, name: str) -> str:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from offchain_workers.codecs import get_codec\n"
        "print(type(get_codec(sys.argv[2])).__module__)"
    )
    command = [sys.executable, "-c", code, str(folder), name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_an_installed_package_adds_a_codec(tmp_path: Path) -> None:
    install(tmp_path, "shout@1 = shout:Shout")
    assert find(tmp_path, "shout@1") == "shout"


def test_an_installed_package_can_not_replace_a_built_in_one(tmp_path: Path) -> None:
    install(tmp_path, "tensor@1 = shout:Shout")
    assert find(tmp_path, "tensor@1") == "offchain_workers.codecs.tensor"


@pytest.mark.parametrize("target", ["no_such_module:X", "shout:Missing"])
def test_a_codec_that_does_not_load_says_so(tmp_path: Path, target: str) -> None:
    install(tmp_path, f"shout@1 = {target}")
    assert "MN-CODEC-005: codec shout@1 does not load" in find(tmp_path, "shout@1")


def test_names_are_sorted() -> None:
    assert codec_names() == sorted(codec_names())
