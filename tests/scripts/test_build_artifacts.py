# SPDX-License-Identifier: Apache-2.0
"""Artifacts come from deployables alone, are the same everywhere, and go stale visibly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts.build_artifacts import ARTIFACTS, BuildError, compile_contract, deployables, main

MODULE = "# pragma version ~=0.4.3\n@internal\ndef _answer() -> uint256:\n    return 42\n"
CONTRACT = """# pragma version ~=0.4.3
from contracts.modules import answers
from interfaces import IAnswer
from snekmate.auth import ownable

implements: IAnswer
initializes: ownable
exports: ownable.owner

SECRET: immutable(uint256)

@deploy
def __init__():
    ownable.__init__()
    SECRET = 7

@external
def answer() -> uint256:
    return answers._answer() + SECRET
"""
INTERFACE = "# pragma version ~=0.4.3\n@external\ndef answer() -> uint256:\n    ...\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "contracts/Answer.vy": CONTRACT,
        "contracts/modules/answers.vy": MODULE,
        "interfaces/IAnswer.vyi": INTERFACE,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(tree: Path, *options: str) -> int:
    return main(["--root", str(tree), *options])


def test_only_camel_case_files_are_deployable(tree: Path) -> None:
    assert list(deployables(tree)) == ["Answer"]


def test_an_artifact_has_what_a_deployer_needs(tree: Path) -> None:
    assert run(tree) == 0
    artifact = json.loads((tree / ARTIFACTS / "Answer.json").read_text())
    assert {entry.get("name") for entry in artifact["abi"]} >= {"answer", "owner"}
    assert artifact["bytecode"].startswith("0x")
    # The immutable's word counts: the chain stores it behind the code.
    assert 32 < artifact["runtime_size"] < len(artifact["bytecode"]) // 2
    assert (artifact["compiler"], artifact["evm"]) == ("0.4.3", "prague")
    assert len(artifact["sources_sha256"]) == 64


def test_the_same_sources_elsewhere_give_the_same_file(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere") / "deeper"
    shutil.copytree(tree, other)
    assert compile_contract(tree, tree / "contracts/Answer.vy") == compile_contract(
        other, other / "contracts/Answer.vy"
    )


def test_a_changed_module_makes_the_artifact_stale(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tree)
    assert run(tree, "--check") == 0
    module = tree / "contracts/modules/answers.vy"
    module.write_text(module.read_text().replace("42", "43"))
    assert run(tree, "--check") == 1
    assert "Answer.json is stale" in capsys.readouterr().err


def test_an_artifact_without_a_contract_is_stale_and_removed(tree: Path) -> None:
    run(tree)
    orphan = tree / ARTIFACTS / "Gone.json"
    orphan.write_text("{}")
    assert run(tree, "--check") == 1
    assert run(tree) == 0
    assert not orphan.exists()


def test_two_contracts_of_one_name_are_refused(tree: Path) -> None:
    (tree / "contracts/modules/Answer.vy").write_text(CONTRACT)
    with pytest.raises(BuildError, match="two contracts are called Answer"):
        deployables(tree)


def test_a_contract_too_large_for_the_chain_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.build_artifacts.MAX_RUNTIME", 100)
    assert run(tree) == 1
    assert "over the chain's 100" in capsys.readouterr().err
