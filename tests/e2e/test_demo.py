# SPDX-License-Identifier: Apache-2.0
"""`fusion demo` as a stranger runs it: processes, a real chain, real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from magika import Magika

from tests.e2e.demo import run_demo
from tests.e2e.files import write_all


@pytest.mark.parametrize("chain", ["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def test_files_it_never_saw_are_labelled_as_magika_does(tmp_path: Path, chain: str) -> None:
    files = write_all(tmp_path)
    named = [part for file in files for part in ("--input", str(file))]
    document = run_demo("--chain", chain, *named)
    assert document["ok"] is True
    assert document["chain"]["kind"] == chain
    magika = Magika()
    expected = {str(file): magika.identify_path(file).output.label for file in files}
    assert {job["input"]: job["output"]["label"] for job in document["jobs"]} == expected
    for job in document["jobs"]:
        assert job["status"] == "paid"
        assert job["paid"] > 0
        assert job["gas"]["post"] > 21_000
        assert job["gas"]["deliver"] > 21_000
        assert job["operator"].startswith("0x")


def test_without_inputs_it_wishes_for_digits_and_calls_a_consumer_back() -> None:
    document = run_demo("--chain", "embedded")
    assert document["ok"] is True
    by_model: dict[str, list[dict[str, Any]]] = {}
    for job in document["jobs"]:
        by_model.setdefault(job["model"], []).append(job)
    methods = {name: [job["method"] for job in jobs] for name, jobs in by_model.items()}
    assert methods["digits-tiny"] == ["none"]
    assert methods["digits-tee"] == ["teeml"]
    assert methods["digits-opml"] == ["opml"]
    assert [job["private"] for job in by_model["digits-tee"]] == [True]
    assert by_model["digits-tee"][0]["output"]["label"] == "0"
    assert len(by_model["magika"]) >= 3
    decisions = [job["decision"] for job in document["jobs"]]
    assert len(set(decisions)) == len(decisions)
    check_presets({row["prefer"]: row for row in document["presets"]})
    wishes = [plan["choice"]["wish"] for plan in document["plans"]]
    assert [wish.partition(", at most")[0] for wish in wishes] == [
        "digits, cheap", "digits, private", "digits, safe", "file-type, balanced",
    ]  # fmt: skip
    called_back = document["jobs"][-1]
    assert called_back["status"] == "paid"
    plain = next(job["gas"]["deliver"] for job in by_model["magika"] if job["gas"]["deliver"])
    assert called_back["gas"]["deliver"] > plain + 20_000  # the callback stores the answer's hash


# On the demo's market: what each preset is for, and the term that puts its pick first.
PICKS = {
    "balanced": ("digits-tee-held", "teeml", "cost"),
    "private": ("digits-tee", "teeml", "latency"),
    "cheap": ("digits-tiny", "none", "cost"),
    "fast": ("digits", "none", "quality"),
    "safe": ("digits-opml", "opml", "security"),
}


def check_presets(rows: dict[str, dict[str, Any]]) -> None:
    """Five presets, five plans, each with what decided."""
    found = {name: (row["model"], row["method"], row["decided_by"]) for name, row in rows.items()}
    assert found == PICKS
    assert len({(model, method) for model, method, _ in found.values()}) == len(PICKS)
    for row in rows.values():
        assert f"; decided by {row['decided_by']}, " in row["why"]
    assert rows["private"]["why"].endswith("; left out: privacy (3)")


def test_a_file_that_is_not_there_is_refused_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "offchain_workers.cli", "demo", "--json", "--input"]
    done = subprocess.run(
        [*command, str(tmp_path / "nothing")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "MN-CLI-021"
