# SPDX-License-Identifier: Apache-2.0
"""A home of its own for each test: no setting or keystore of the developer's leaks in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from offchain_workers.cli import main

Outcome = tuple[int, str, str]
Fusion = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("FUSION_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fusion(capfd: pytest.CaptureFixture[str]) -> Fusion:
    """Run the command line in this process: (exit code, stdout, stderr)."""

    def run(*args: str) -> Outcome:
        with pytest.raises(SystemExit) as done:
            main(args)
        out, err = capfd.readouterr()
        return int(done.value.code or 0), out, err

    return run
