# SPDX-License-Identifier: Apache-2.0
"""The pages' commands: each parses, and the blocks marked `sh run` work, page after page."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main

from offchain_workers.cli import app

ROOT = Path(__file__).parents[2]
PAGES = ("requester", "publisher", "operator", "integrator")
BLOCK = re.compile(r"^```sh ?(run|background)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(fusion [^`\n]+)`")
HEREDOC = re.compile(r"<<'?END'?\n.*?\nEND\n", re.DOTALL)
# What a page takes for granted to be beside it.
LINKED = ("README.md", "Makefile", "LICENSE", "offchain_workers")
MARKET_SECONDS, PAGE_SECONDS = 120, 300


def page(name: str) -> str:
    return (ROOT / "docs" / f"quickstart-{name}.md").read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def invocations(text: str) -> Iterator[list[str]]:
    """The words of every `fusion` command in blocks and in running text."""
    shell = "\n".join(body for _, body in BLOCK.findall(text))
    lines = HEREDOC.sub("\n", shell).replace("\\\n", " ").splitlines()
    for line in [*lines, *INLINE.findall(text)]:
        for part in re.split(r"[|&;()]|\bexec\b|=(?=\$)", line.split(" #")[0]):
            at = re.match(r"\s*(?:FUSION_\w+=\S+\s+)?(fusion\s.*)", part)
            if at:
                yield shlex.split(at[1])


def helping() -> list[Path]:
    """Sources whose texts name commands, for who reads `--help` or an error."""
    return sorted((ROOT / "offchain_workers").rglob("*.py"))


def commands() -> list[tuple[str, str]]:
    """(file, command) of every page, and of every source's help."""
    return sorted(
        {
            (path.name, shlex.join(words))
            for path in [*documents(), *helping()]
            for words in invocations(path.read_text(encoding="utf-8"))
        }
    )


@pytest.mark.parametrize(("file", "line"), commands())
def test_a_command_and_its_options_exist(file: str, line: str) -> None:
    root: Any = typer.main.get_command(app)
    command, known = root, {"--help"} | options_of(root)
    for before, word in pairwise(shlex.split(line)):
        if word.startswith("--"):
            assert word in known, f"{file}: no option {word}"
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{file}: no command {word}"
            command = command.commands[word]
            known |= options_of(command)
        elif command in root.commands.values() and not before.startswith("--"):
            assert word not in root.commands, f"{file}: {word} is a command of its own"


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


def test_commands_are_found_at_all() -> None:
    assert len(commands()) > 30


class Market:
    """`fusion up` in a folder that looks like the checkout, and shells in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("FUSION_")}
        self.env |= {"PATH": path, "COLUMNS": "120"}
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        self.up = self.start("exec fusion up", "up")

    def start(self, script: str, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                ["bash", "-c", script], cwd=self.folder, env=self.env, stdout=log, stderr=log
            )

    def await_up(self) -> None:
        deadline = time.monotonic() + MARKET_SECONDS
        log = self.folder / "up.log"
        while "The market is up" not in log.read_text(encoding="utf-8"):
            assert self.up.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.2)

    def follow(self, name: str) -> None:
        """Run a page's blocks in one shell, those to run in a terminal of their own beside it."""
        script = [
            "set -euo pipefail",
            "trap 'code=$?; kill $(jobs -p) 2>/dev/null || :; wait || :; exit $code' EXIT",
        ]
        for kind, body in BLOCK.findall(page(name)):
            if kind == "run":
                script.append(body)
            elif kind == "background":
                script.append(f"({body}) > {name}.log 2>&1 &")
        ended = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PAGE_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"

    def stop(self) -> None:
        self.up.send_signal(signal.SIGINT)
        try:
            self.up.wait(60)
        except subprocess.TimeoutExpired:
            self.up.kill()
            self.up.wait()


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    started = Market(tmp_path)
    try:
        started.await_up()
        yield started
    finally:
        started.stop()


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_the_quickstarts_work_one_after_the_other(market: Market) -> None:
    for name in PAGES:
        market.follow(name)
