# SPDX-License-Identifier: Apache-2.0
"""What the runs find is kept to the end, shown as a table, and written down with `--write`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.report import Results

PAGE = Path(__file__).parents[2] / "docs" / "opml-conformance.md"
RESULTS = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write", action="store_true", help=f"write the conformance table into docs/{PAGE.name}"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = Results()


@pytest.fixture(scope="session")
def results(pytestconfig: pytest.Config) -> Results:
    return pytestconfig.stash[RESULTS]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash[RESULTS]
    if not config.getoption("--write", default=False):
        return
    terminalreporter.write_line(f"\n{found.table()}\n")
    if missing := found.missing():
        terminalreporter.write_line(f"docs/{PAGE.name} stays as it was, without {missing}")
        return
    PAGE.write_text(found.written(PAGE.read_text()))
