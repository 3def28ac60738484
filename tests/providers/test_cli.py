# SPDX-License-Identifier: Apache-2.0
"""`fusion provider` in this process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Fusion
from tests.providers.console import KEY, Console


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """The command line's handler writes to a stream that ends with the test."""
    before = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = before


@pytest.fixture
def at_console(console: Console, home: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("FUSION_PROVIDER__AKASH_URL", console.url)
    monkeypatch.setenv("FUSION_PROVIDER__STATIC", f"{console.url},http://127.0.0.1:9")
    return console


def test_search_lease_status_release(
    at_console: Console,
    fusion: Fusion,
    home: Path,
) -> None:
    key = home / "akash-key"
    key.write_text(f"{KEY}\n")
    key.chmod(0o600)
    (home / "fusion.toml").write_text(f'[provider]\nakash_key_file = "{key}"\n')
    code, out, _ = fusion("provider", "search", "--gpu", "rtx4090")
    assert code == 0
    assert "$0.2500/h" in out
    wish = ("--image", "oip:1", "--gpu", "rtx4090", "--max-price", "0.5")
    code, out, err = fusion("provider", "lease", *wish)
    assert code == 0, err
    code, out, _ = fusion("provider", "status")
    assert "$0.0600/h" in out
    assert at_console.url in out
    (name,) = at_console.charging()
    assert name in out
    code, out, _ = fusion("provider", "release", name)
    assert (code, at_console.open()) == (0, [])
    assert KEY not in out


def test_a_source_without_its_key_is_told(at_console: Console, fusion: Fusion) -> None:
    code, out, _ = fusion("--json", "provider", "search")
    assert (code, json.loads(out)["error"]["code"]) == (1, "MN-PROV-010")


def test_a_static_endpoint_is_leased_without_money(at_console: Console, fusion: Fusion) -> None:
    at_console.orders.clear()
    assert httpx.get(f"{at_console.url}/v2/health/ready", trust_env=False).status_code == 503
    code, out, _ = fusion("--json", "provider", "search", "--source", "static")
    assert json.loads(out)["offers"][0]["where"] == at_console.url
    code, out, _ = fusion(
        "--json", "provider", "lease", "--source", "static", "--max-price", "1", "--up-seconds", "0"
    )
    assert (code, json.loads(out)["error"]["code"]) == (1, "MN-PROV-008")
    code, out, _ = fusion("--json", "provider", "status")
    assert json.loads(out) == {"leases": [], "strays": {}}


def test_release_wants_to_know_what(at_console: Console, fusion: Fusion) -> None:
    assert fusion("provider", "release")[0] == 2
    assert fusion("provider", "release", "x", "--all")[0] == 2
    code, _, err = fusion("provider", "release", "fusion-none")
    assert (code, "MN-PROV-009" in err) == (1, True)


def test_a_dry_run_sends_nothing(
    at_console: Console, fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_AKASH_KEY", KEY)
    wish = ("--image", "oip:1", "--gpu", "h100", "--max-price", "2", "--dry-run")
    code, out, _ = fusion("--json", "provider", "lease", *wish)
    assert code == 0
    assert json.loads(out)["order"]["sdl"]["services"]["node"]["image"] == "oip:1"
    assert at_console.log == []
    code, out, _ = fusion("--json", "provider", "status")
    assert json.loads(out)["leases"] == []


def test_leases_of_a_source_whose_key_is_gone_are_not_passed_over(
    at_console: Console, fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_AKASH_KEY", KEY)
    wish = ("--image", "oip:1", "--gpu", "rtx4090", "--max-price", "0.5")
    assert fusion("provider", "lease", *wish)[0] == 0
    monkeypatch.delenv("FUSION_AKASH_KEY")
    code, out, _ = fusion("--json", "provider", "status")
    assert (code, json.loads(out)["error"]["code"]) == (1, "MN-PROV-011")
    assert len(at_console.charging()) == 1
