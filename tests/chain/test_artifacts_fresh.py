# SPDX-License-Identifier: Apache-2.0
"""The ABI and bytecode that ship are those of the contracts in this tree."""

from __future__ import annotations

import pytest

from scripts.build_artifacts import main


def test_shipped_artifacts_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
