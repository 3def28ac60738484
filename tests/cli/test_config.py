# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from offchain_workers.config import (
    Settings,
    find_deployment,
    load_settings,
    render_template,
    write_template,
)
from offchain_workers.errors import FusionError

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
SEED = "legal winner thank year wave sausage worth useful legal winner thank yellow"
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"


def toml(text: str, path: Path = Path("fusion.toml")) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def refused(code: str, path: Path | None = None) -> str:
    with pytest.raises(FusionError) as caught:
        load_settings(path)
    assert caught.value.code == code
    return caught.value.message


def test_without_any_source_the_defaults_count() -> None:
    assert load_settings() == Settings()


def test_the_written_file_parses_back_to_the_defaults() -> None:
    write_template(Path("fusion.toml"))
    assert load_settings() == Settings()


def test_the_examples_of_unset_keys_are_valid_values() -> None:
    text = re.sub(r"^# (\w+ = )", r"\1", render_template(), flags=re.MULTILINE)
    toml(text)
    settings = load_settings()
    assert settings.chain.addresses.marketplace is not None
    assert settings.worker.public_url == "https://worker.example.org"
    assert '= ""' not in render_template()


def test_the_written_file_is_private_and_not_overwritten_without_force() -> None:
    path = toml("# mine")
    with pytest.raises(FusionError, match="MN-CFG-006"):
        write_template(path)
    assert path.read_text() == "# mine"
    write_template(path, force=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in Path().iterdir()) == ["fusion.toml"]


def test_a_folder_that_is_missing_is_an_error_with_a_code() -> None:
    with pytest.raises(FusionError, match="MN-CFG-006"):
        write_template(Path("absent/fusion.toml"))


def test_command_line_wins_over_environment_over_file(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("[engine]\nthreads = 1\nmax_batch = 1\nprovider = 'cuda'\n")
    monkeypatch.setenv("FUSION_ENGINE__THREADS", "2")
    monkeypatch.setenv("FUSION_ENGINE__MAX_BATCH", "2")
    engine = load_settings(overrides={"engine": {"threads": 3}}).engine
    assert (engine.threads, engine.max_batch, engine.provider) == (3, 2, "cuda")


def test_lists_by_environment_are_json_or_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for text in ("http://a:1, http://b:2/", '["http://a:1", "http://b:2"]'):
        monkeypatch.setenv("FUSION_CHAIN__RPC_URLS", text)
        assert load_settings().chain.rpc_urls == ("http://a:1", "http://b:2")


def test_nested_tables_and_empty_variables_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CHAIN__ADDRESSES__MODELS", ADDRESS.lower())
    monkeypatch.setenv("FUSION_CHAIN__CHAIN_ID", "")
    chain = load_settings().chain
    assert (chain.addresses.models, chain.chain_id) == (ADDRESS, None)


def test_the_file_named_by_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("[log]\nlevel = 'debug'\n", Path("other.toml"))
    monkeypatch.setenv("FUSION_CONFIG", "other.toml")
    assert load_settings().log.level == "debug"


def test_a_named_file_that_is_missing_is_refused() -> None:
    assert "absent.toml" in refused("MN-CFG-001", Path("absent.toml"))


@pytest.mark.parametrize("content", [b"[chain", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_refused(content: bytes) -> None:
    Path("fusion.toml").write_bytes(content)
    assert "fusion.toml" in refused("MN-CFG-002")


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("[chain]\nrpc_url = 'http://a'", "chain.rpc_url", "chain.rpc_urls"),
        ("[chian]\nchain_id = 1", "chian", "chain"),
        ("rpc_urls = ['http://a']", "rpc_urls", "chain.rpc_urls"),
        ("[worker]\nmax_onnx_bytes = 1", "worker.max_onnx_bytes", "engine.max_onnx_bytes"),
        (f"[chain.addresses]\nmarket_place = '{ADDRESS}'", "market_place", "marketplace"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(
    text: str, unknown: str, nearest: str
) -> None:
    toml(text)
    message = refused("MN-CFG-003")
    assert "fusion.toml" in message
    assert unknown in message
    assert f"{nearest}'?" in message


@pytest.mark.parametrize("name", ["FUSION_CHIAN__CHAIN_ID", "FUSION_CHAIN__CHAIN_IDD"])
def test_an_unknown_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert "the environment" in refused("MN-CFG-003")


def test_a_bad_value_names_its_source_and_key_but_not_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toml("[chain]\npoll_seconds = 'hunter2'\n")
    message = refused("MN-CFG-004")
    assert message.startswith("fusion.toml: chain.poll_seconds: ")
    assert "hunter2" not in message
    monkeypatch.setenv("FUSION_CHAIN__POLL_SECONDS", "-1")
    assert refused("MN-CFG-004").startswith("the environment: chain.poll_seconds: ")


@pytest.mark.parametrize(
    "text",
    [
        "chain = 3",
        "[chain]\nrpc_urls = []",
        "[chain]\nrpc_urls = ['ftp://a']",
        "[chain]\nrpc_urls = [['http://a']]",
        "[chain.addresses]\nmodels = '0x52908400098527886E0F7030069857D2E4169Ee7'",
        "[worker]\nmodels = ['magika']",
        "[worker]\nmin_profit_wei = '1 eth'",
        "[worker]\nmin_profit_wei = -1",
        "[engine]\nprovider = 'rocm'",
    ],
)
def test_values_of_the_wrong_kind_are_refused(text: str) -> None:
    toml(text)
    refused("MN-CFG-004")


@pytest.mark.parametrize(
    "text",
    [
        f"[account]\nprivate_key = '{KEY}'",
        f"[account]\nkeystore = '0x{KEY}'",
        f"[account]\nkeystore = 0x{KEY}",
        f"[worker]\nmodels = ['0x{KEY}']",
        f"[somewhere.deep]\nlist = ['a', ['{KEY.upper()}']]",
        f"[account]\nmnemonic = '{SEED}'",
    ],
)
def test_key_material_anywhere_in_the_file_is_refused_unseen(text: str) -> None:
    toml(text)
    message = refused("MN-CFG-005")
    assert KEY[:8] not in message.lower()
    assert "winner" not in message


@pytest.mark.parametrize("value", [KEY, f"0x{KEY}", f"model:0x{'0' * 64},0x{KEY}"])
def test_key_material_in_the_environment_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_WORKER__MODELS", value)
    assert KEY[:8] not in refused("MN-CFG-005")


def test_hosted_rpc_keys_and_model_ids_are_no_key_material() -> None:
    toml(f"chain.rpc_urls = ['https://rpc.example/{KEY}']\nworker.models = ['model:0x{KEY}']\n")
    settings = load_settings()
    assert settings.worker.models == (f"0x{KEY}",)


def test_relative_paths_are_relative_to_the_file_and_home_expands(home: Path) -> None:
    (home / "sub").mkdir()
    text = "[account]\nfolder = 'keys'\npassword_file = '~/pw'\n"
    settings = load_settings(toml(text, home / "sub/f.toml"))
    assert settings.account.folder == home / "sub/keys"
    assert settings.account.password_file == home / "pw"
    assert settings.worker.database == f"sqlite:///{home}/.fusion/worker.db"


def test_amounts_take_units() -> None:
    toml("[worker]\nmin_profit_wei = '0.5 gwei'\n")
    assert load_settings().worker.min_profit_wei == 500_000_000


def test_the_database_url_stays_out_of_the_repr() -> None:
    toml("[worker]\ndatabase = 'postgresql://u:hunter2@db/x'\n")
    assert "hunter2" not in repr(load_settings())


def deployment(**values: object) -> None:
    addresses = dict.fromkeys(("marketplace", "models", "subnets"), ADDRESS.lower())
    content = {"chain_id": 5, "start_block": 9, "addresses": addresses} | values
    Path("deployment.json").write_text(json.dumps(content))


def test_a_deployment_file_gives_chain_block_and_addresses() -> None:
    deployment()
    toml("[chain]\ndeployment = 'deployment.json'\n")
    found = find_deployment(load_settings())
    assert (found.chain_id, found.start_block, found.addresses.models) == (5, 9, ADDRESS)


def test_addresses_and_start_block_of_the_settings_win_over_the_deployment() -> None:
    deployment()
    other = "0x" + "11" * 20
    toml(
        "chain.deployment = 'deployment.json'\nchain.start_block = 0\n"
        f"chain.addresses.models = '{other}'\n"
    )
    found = find_deployment(load_settings())
    assert (found.addresses.models, found.addresses.subnets) == (other, ADDRESS)
    assert found.start_block == 0


def refused_deployment(code: str, text: str) -> str:
    toml(text)
    with pytest.raises(FusionError) as caught:
        find_deployment(load_settings())
    assert caught.value.code == code
    return caught.value.message


def test_missing_addresses_are_named() -> None:
    message = refused_deployment("MN-CFG-008", f"chain.addresses.models = '{ADDRESS}'")
    assert "marketplace, subnets" in message


def test_a_deployment_of_another_chain_is_refused() -> None:
    deployment()
    text = "chain.deployment = 'deployment.json'\nchain.chain_id = 1"
    refused_deployment("MN-CFG-009", text)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"addresses": {"models": "0x1"}}'])
def test_a_deployment_file_that_is_none_is_refused(content: str) -> None:
    Path("deployment.json").write_text(content)
    refused_deployment("MN-CFG-007", "chain.deployment = 'deployment.json'")


def test_a_deployment_file_that_is_missing_is_refused() -> None:
    refused_deployment("MN-CFG-007", "chain.deployment = 'deployment.json'")


def test_everything_runs_on_one_machine_as_it_comes() -> None:
    """No two services listen on one port unless somebody says so."""
    plain = Settings()
    ports = [
        plain.worker.listen_port,
        plain.watch.listen_port,
        plain.gateway.listen_port,
        plain.relay.listen_port,
        plain.engine.ray.port,
    ]
    assert len(set(ports)) == len(ports)
