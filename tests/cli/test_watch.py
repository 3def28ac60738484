# SPDX-License-Identifier: Apache-2.0
"""Options of `fusion watch` and of the demo that would do nothing are refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain_workers.config import load_settings
from offchain_workers.localnet.layout import Layout
from tests.cli.conftest import Fusion
from tests.cli.market import Market


@pytest.mark.parametrize("option", [("--follow",), ("--challenger", "0x" + "11" * 20)])
def test_what_belongs_to_a_game_starts_no_watcher(fusion: Fusion, option: tuple[str, ...]) -> None:
    code, out, err = fusion("watch", *option)
    assert (code, out) == (2, "")
    assert "--game" in err


def test_a_dispute_takes_no_inputs(fusion: Fusion) -> None:
    code, out, err = fusion("demo", "--method", "opml", "--input", "file.txt")
    assert (code, out) == (2, "")
    assert "--input" in err


def test_who_mistypes_an_adversary_is_told_where_the_names_are(fusion: Fusion) -> None:
    code, _, err = fusion("demo", "--method", "opml", "--adversary", "lst")
    assert code == 1
    assert "--adversary list" in err


@pytest.mark.parametrize("command", [("demo", "--keep"), ("up", "--folder")])
def test_a_market_needs_a_folder(fusion: Fusion, command: tuple[str, str]) -> None:
    Path("file.txt").write_text("not a folder")
    code, out, err = fusion(*command, "file.txt")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error MN-DEV-012")


@pytest.mark.parametrize("command", [("demo", "--keep"), ("up", "--folder")])
def test_a_folder_has_one_market_at_a_time(fusion: Fusion, command: tuple[str, str]) -> None:
    with Layout(Path("here")).held():
        code, out, err = fusion(*command, "here")
        assert (code, out) == (1, "")
        assert err.splitlines()[-1].startswith("error MN-DEV-013")
    assert not Path("here/chain").exists()
    with Layout(Path("here")).held():
        pass


def test_a_job_without_a_game_is_one_line(market: Market) -> None:
    """Nothing is fetched or run again for it."""
    assert market.refused(None, "watch", "--game", "0x" + "ab" * 32)[0] == "MN-OPML-097"


def test_daemons_of_a_local_market_have_databases_of_its_own(home: Path) -> None:
    """Those in the home folder may follow a market that was here before."""
    layout = Layout(Path("here"))
    layout.write_config("http://127.0.0.1:1")
    settings = load_settings(layout.config)
    for daemon in (settings.worker, settings.watch, settings.gateway):
        assert daemon.database.startswith(f"sqlite:///{layout.folder}/")
