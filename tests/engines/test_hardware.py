# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.hardware import Gpu, inspect, parse_gpus


def test_facts_of_this_machine() -> None:
    facts = inspect(EmbeddedEngine())
    assert facts.providers == ("CPUExecutionProvider",)
    assert 1 <= facts.cores <= (os.cpu_count() or 1)
    assert facts.memory > 1 << 27
    assert facts.cpu
    assert json.loads(json.dumps(facts.as_dict()))["provider"] == "cpu"
    assert bool(facts.gpus) <= (shutil.which("nvidia-smi") is not None)


def test_gpu_table() -> None:
    table = "NVIDIA H100 80GB HBM3, GPU-1f, 81559, 580.95\nNVIDIA X, GPU-2, [N/A], 580.95\n\n"
    assert parse_gpus(table) == (Gpu("NVIDIA H100 80GB HBM3", "GPU-1f", 81559 << 20, "580.95"),)


@pytest.mark.parametrize("script", ["exit 9", "echo no driver"])
def test_a_tool_without_a_driver_means_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert inspect(EmbeddedEngine()).gpus == ()
