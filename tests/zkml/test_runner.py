# SPDX-License-Identifier: Apache-2.0
"""Whatever ezkl does, the caller gets an answer or an error with a code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verifiers.zkml.errors import EzklFailedError, EzklKilledError, EzklTimeoutError
from verifiers.zkml.runner import Ezkl, Limits, Step

VERSION = Step("version", {})
# About five seconds of work, and hundreds of megabytes.
LARGE = Step("gen_srs", {"srs_path": "large.srs", "logrows": 17})


def test_steps_run_in_order_and_say_so(tmp_path: Path) -> None:
    said: list[str] = []
    small = Step("gen_srs", {"srs_path": "small.srs", "logrows": 4})
    found = Ezkl(tmp_path, say=said.append).run(VERSION, small)
    assert found.results == ["23.0.5", None]
    assert said == ["version", "gen_srs"]
    assert found.peak > 1 << 20
    assert (tmp_path / "small.srs").exists()


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    paths = {"model": "none.ezkl", "data": "none.json", "output": "out.json"}
    with pytest.raises(EzklFailedError, match=r"none\.json|none\.ezkl") as refused:
        Ezkl(tmp_path).run(Step("gen_witness", paths))
    assert "\n" not in str(refused.value)


def test_a_panic_is_an_error(tmp_path: Path) -> None:
    from tests.zkml.circuits import IRIS

    (tmp_path / "a.onnx").write_bytes(IRIS)
    args = {"param_visibility": "hashed/private"}
    paths = {"model": "a.onnx", "output": "s.json", "py_run_args": args}
    with pytest.raises(EzklFailedError, match="PanicException"):
        Ezkl(tmp_path).run(Step("gen_settings", paths))


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EzklTimeoutError, match="gen_srs"):
        Ezkl(tmp_path, Limits(seconds=1.0)).run(LARGE)
    assert time.monotonic() - began < 10


def test_a_call_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    """More than a gigabyte, asked for at once."""
    huge = Step("gen_srs", {"srs_path": "huge.srs", "logrows": 24})
    with pytest.raises(EzklKilledError, match="SIGABRT"):
        Ezkl(tmp_path, Limits(memory=1 << 30)).run(huge)


def test_a_process_that_dies_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    """Too little memory even to start."""
    with pytest.raises((EzklKilledError, EzklFailedError)):
        Ezkl(tmp_path, Limits(memory=8 << 20)).run(VERSION)


def test_nobody_is_left_when_the_caller_is_killed(tmp_path: Path) -> None:
    caller = (
        "from pathlib import Path; from verifiers.zkml.runner import *; "
        f"Ezkl(Path({str(tmp_path)!r}), say=lambda s: print(s, flush=True))"
        ".run(Step('gen_srs', {'srs_path': 'large.srs', 'logrows': 20}))"
    )
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", caller], env=env, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"gen_srs\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    [child] = children
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_child_reads_its_request_and_nothing_else(tmp_path: Path) -> None:
    """No variable of the caller's reaches ezkl, and no network."""
    env = Ezkl(tmp_path, Limits(threads=3))._environment()
    assert env["RAYON_NUM_THREADS"] == "3"
    assert env["HOME"] == str(tmp_path)
    assert not {name for name in env if name.startswith("FUSION")}
    assert json.dumps(env)


def _runs(process: str) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
