# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from offchain_workers.cli import app, main
from offchain_workers.cli.output import cell, emit, fields, plain, table
from offchain_workers.cli.run import Run, command
from offchain_workers.errors import FusionError
from offchain_workers.units import Wei

Fusion = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]
HEAVY = ("web3", "onnxruntime", "sqlalchemy", "eth_account", "eth_tester", "fastapi", "numpy")


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize("args", [["--help"], ["account", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = f"""
import sys
from offchain_workers.cli import main
try:
    main({args})
finally:
    sys.stderr.write(" ".join(name for name in {HEAVY} if name in sys.modules))
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fusion" in done.stdout


def test_it_runs_where_the_extras_are_absent() -> None:
    code = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY}))
from offchain_workers.cli import main
main(["init", "--json"])
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["path"]).name == "fusion.toml"


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        (["acount"], "account"),
        (["accounts", "list"], "account"),
        (["account", "lst"], "list"),
        (["int"], "init"),
        (["account", "lis"], "list"),
    ],
)
def test_a_typo_in_a_command_gets_a_suggestion_and_exit_2(
    fusion: Fusion, typo: list[str], meant: str
) -> None:
    code, out, err = fusion(*typo)
    assert (code, out) == (2, "")
    assert f"Did you mean '{meant}'" in err


def test_a_typo_in_an_option_gets_a_suggestion_and_exit_2(fusion: Fusion) -> None:
    code, _, err = fusion("account", "list", "--jsn")
    assert code == 2
    assert "--json" in err


def test_without_arguments_the_help_is_shown(fusion: Fusion) -> None:
    _, out, err = fusion()
    assert "account" in out + err


def test_errors_are_one_line_on_stderr_or_json_on_stdout(fusion: Fusion) -> None:
    code, out, err = fusion("--config", "absent.toml", "account", "list")
    assert (code, out) == (1, "")
    assert err == "error MN-CFG-001: no configuration file at absent.toml\n"
    code, out, err = fusion("account", "list", "--config", "absent.toml", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["error"]["code"] == "MN-CFG-001"


def test_shared_options_count_before_and_after_the_command(fusion: Fusion) -> None:
    after = fusion("account", "list", "--json")
    assert fusion("--json", "account", "list") == after
    Path("other.toml").write_text("[account]\nfolder = 'elsewhere'\n")
    for args in (
        ("--config", "other.toml", "account", "list"),
        ("account", "list", "--config", "other.toml"),
    ):
        assert "elsewhere" in fusion(*args)[1]


def test_init_writes_once_and_then_asks_for_force(fusion: Fusion) -> None:
    assert fusion("init")[:2] == (0, "wrote fusion.toml\n")
    assert fusion("init")[2].startswith("error MN-CFG-006: ")
    assert fusion("init", "--force")[0] == 0
    code, out, _ = fusion("init", "--path", "b.toml", "--json")
    assert (code, json.loads(out)) == (0, {"path": str(Path("b.toml").absolute())})


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of the real application that fails as its argument says."""
    monkeypatch.setattr(app, "registered_commands", [*app.registered_commands])

    def fail(run: Run, how: str) -> None:
        raise {
            "bug": ZeroDivisionError("by nothing"),
            "interrupt": KeyboardInterrupt(),
            "secret": FusionError("MN-CLI-500", "no\nanswer \x1b[2J from https://u:p@h/rpc"),
        }[how]

    command(app, "fail")(fail)


@pytest.mark.usefixtures("failing")
def test_a_bug_gets_a_code_and_its_traceback_only_when_asked(fusion: Fusion) -> None:
    code, _, err = fusion("fail", "bug")
    assert code == 1
    assert err.startswith("error MN-CLI-500: unexpected ZeroDivisionError: by nothing; --verbose")
    assert err.count("\n") == 1
    code, out, err = fusion("fail", "bug", "--verbose", "--json")
    assert "Traceback" in err
    assert json.loads(out)["error"]["code"] == "MN-CLI-500"


@pytest.mark.usefixtures("failing")
def test_an_interrupt_ends_with_130_and_silence(fusion: Fusion) -> None:
    assert fusion("fail", "interrupt") == (130, "", "")


@pytest.mark.usefixtures("failing")
def test_errors_show_neither_secrets_nor_terminal_codes(fusion: Fusion) -> None:
    _, _, err = fusion("fail", "secret")
    assert (
        err == "error MN-CLI-500: no answer \N{REPLACEMENT CHARACTER}[2J from https://***@h/rpc\n"
    )


def test_a_closed_pipe_is_no_traceback() -> None:
    shell = f"{sys.executable} -m offchain_workers.cli --help | true"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        shell, shell=True, capture_output=True, text=True, env=environment, check=False
    )
    assert "Traceback" not in done.stderr


def test_amounts_are_strings_of_wei_in_json_and_units_in_tables() -> None:
    row = {"price": Wei(10**16), "block": 7, "id": b"\x01", "path": Path("/x"), "tags": ("a",)}
    assert plain([row]) == [
        {"price": str(10**16), "block": 7, "id": "0x01", "path": "/x", "tags": ["a"]}
    ]
    assert [cell(value) for value in row.values()] == ["0.01 ether", "7", "0x01", "/x", "a"]
    assert [cell(value) for value in (None, True, False)] == ["-", "yes", "no"]


def test_names_of_strangers_are_shown_as_text(capfd: pytest.CaptureFixture[str]) -> None:
    rows = [{"name": "[red]a[/red] \x1b[31m:smile:"}]
    emit(Run(), rows, lambda: table(rows, {"name": "Name"}))
    out, _ = capfd.readouterr()
    assert "[red]a[/red]" in out
    assert ":smile:" in out
    assert "\x1b" not in out


def test_long_values_are_whole_in_piped_output(capfd: pytest.CaptureFixture[str]) -> None:
    record = {"id": "0x" + "ab" * 32, "tx": "0x" + "cd" * 32}
    emit(Run(), record, lambda: table([record], {"id": "Id", "tx": "Transaction"}))
    emit(Run(), record, lambda: fields(record, {"id": "Id", "tx": "Transaction"}))
    out, _ = capfd.readouterr()
    assert out.count(record["id"]) == out.count(record["tx"]) == 2


def test_a_usage_error_of_a_command_is_typers_own(fusion: Fusion) -> None:
    code, _, err = fusion("account", "new")
    assert code == 2
    assert "NAME" in err


def test_main_is_a_typer_application() -> None:
    assert isinstance(app, typer.Typer)
    with pytest.raises(SystemExit):
        main(["--help"])
