# SPDX-License-Identifier: Apache-2.0
"""From the configuration to an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from offchain_workers.config.engine import Engine
from offchain_workers.engines.build import build_engine
from offchain_workers.engines.embedded import EmbeddedEngine
from offchain_workers.engines.errors import RuntimeMissingError
from offchain_workers.engines.oip import OipEngine
from offchain_workers.errors import FusionError
from tests.engines.onnx_files import add_one, spec_of
from tests.engines.quirky import quirky
from tests.engines.test_oip import honest, rows


def oip(**options: Any) -> Engine:
    return Engine(kind="oip", oip={"urls": ["http://127.0.0.1:9"], **options})


def test_each_kind() -> None:
    assert isinstance(build_engine(Engine(provider="cpu")), EmbeddedEngine)
    assert isinstance(build_engine(oip()), OipEngine)


def test_servers_are_needed_and_names_are_pairs() -> None:
    with pytest.raises(ValidationError, match=r"needs engine\.oip\.urls"):
        Engine(kind="oip")
    with pytest.raises(ValidationError):
        oip(names=["digits"])


def test_the_token_and_the_names_reach_the_server(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    with quirky(honest) as server:
        settings = oip(urls=[server.url], token_file=token, names=["toy=model-7"], check=False)
        build_engine(settings).load(spec_of(add_one()), add_one()).run(rows(1, 2))
        [asked] = server.inferences()
    assert asked.path == "/v2/models/model-7/infer"
    assert asked.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_token_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with pytest.raises(FusionError) as caught:
        build_engine(oip(token_file=token))
    assert caught.value.code == "MN-CFG-010"
    assert "words" not in caught.value.message


def test_ray_is_missed_by_name() -> None:
    """Ape's caps keep it out of the developers' environment."""
    pytest.importorskip("ape", reason="this environment may well have Ray")
    with pytest.raises(RuntimeMissingError, match="extra ray"):
        build_engine(Engine(kind="ray"))
