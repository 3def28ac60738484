# SPDX-License-Identifier: Apache-2.0
"""`fusion serve` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from offchain_workers.cli import main
from offchain_workers.engines.oip import OipEngine
from offchain_workers.models.demo import digits
from offchain_workers.models.wire import pack_items, unpack_items
from tests.cli.test_doctor import ROOT

DIGITS = digits()


@contextmanager
def serving(*args: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process and what it printed."""
    command = [sys.executable, "-m", "offchain_workers.cli", "--json", "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FUSION_ENGINE__PROVIDER": "cpu"}
    with subprocess.Popen(
        [*command, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            lines = []
            while (line := process.stdout.readline()).rstrip() != "}":
                assert line, process.stderr and process.stderr.read()
                lines.append(line)
            yield process, json.loads("".join([*lines, "}"]))
        finally:
            process.terminate()


def test_a_folder_is_served_until_sigterm(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_bytes(DIGITS.card.canonical())
    (tmp_path / "model.onnx").write_bytes(DIGITS.onnx_bytes)
    with serving(str(tmp_path), "demo:digits-mlp") as (process, shown):
        assert shown["models"] == ["digits", "digits-mlp"]
        session = OipEngine([shown["url"]]).load(DIGITS.spec, DIGITS.onnx_bytes)
        _, pixels, expected = DIGITS.samples[0]
        answer = session.run(unpack_items(DIGITS.card.inputs, pixels, 1))
        assert str(answer["logits"].argmax()) == expected
        assert len(pack_items(DIGITS.card.outputs, answer)) == DIGITS.card.item_bytes_out
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["demo:nothing"], "MN-CODEC-010"),
        (["./nowhere"], "MN-CLI-021"),
        (["demo:digits", "--host", "192.0.2.1"], "MN-ENGINE-022"),
    ],
)
def test_what_cannot_be_served_is_said(
    args: list[str], code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_ENGINE__PROVIDER", "cpu")
    with pytest.raises(SystemExit):
        main(["serve", *args])
    assert code in capsys.readouterr().err
