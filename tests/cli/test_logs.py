# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from offchain_workers import logs
from offchain_workers.redact import redact

KEY = "b1946ac92492d2347c6235b4d2611184"
HASH = "0x" + "ab" * 32


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def written() -> Callable[[], list[dict[str, Any]]]:
    """Configure JSON logs; the result reads back what was written."""
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"https://host/v3/{KEY}", "https://host/v3/***"),
        ("https://host/v2/aB3_-defghijklmnopqrst9", "https://host/v2/***"),
        (f"https://host/eth/{'ab' * 31}01", "https://host/eth/***"),
        ("wss://u:hunter2@host:8546/ws?apikey=x&y", "wss://***@host:8546/ws?apikey=***&***"),
        ("postgresql+psycopg://u:hunter2@db/name", "postgresql+psycopg://***@db/name"),
        ("sqlite:////root/.fusion/worker.db", "sqlite:////root/.fusion/worker.db"),
        (f"http://127.0.0.1:8545/blobs/{HASH}", f"http://127.0.0.1:8545/blobs/{HASH}"),
        (f"tx {HASH} sent", f"tx {HASH} sent"),
        (
            f"no answer from 'https://a:b@h/{KEY}', retry",
            "no answer from 'https://***@h/***', retry",
        ),
    ],
)
def test_urls_lose_their_secrets_and_nothing_else(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_secrets_are_hidden_in_events_values_and_nested_values(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    structlog.get_logger("w").info(
        f"calling https://host/v3/{KEY}",
        urls=[f"https://host/{KEY}"],
        account={"password": "hunter2", "name": "alice"},
        private_key=b"\x01",
        job=HASH,
        tokens=5,
    )
    (event,) = written()
    assert KEY not in json.dumps(event)
    assert event["account"] == {"password": "***", "name": "alice"}
    assert (event["private_key"], event["job"], event["tokens"]) == ("***", HASH, 5)
    assert event["level"] == "info"
    assert event["logger"] == "w"


def test_tracebacks_and_other_libraries_are_covered_too(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    try:
        raise ConnectionError(f"https://host/{KEY} refused")
    except ConnectionError:
        structlog.get_logger().exception("call failed")
        logging.getLogger("urllib3").warning("retry %s", f"https://u:{KEY}@host", exc_info=True)
    text = json.dumps(written())
    assert text.count("ConnectionError") >= 2
    assert KEY not in text


def test_levels_are_kept_and_the_last_configuration_wins(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    structlog.get_logger().debug("hidden")
    logging.getLogger("httpx").info("one line per request")
    assert written() == []
    stream = io.StringIO()
    logs.configure("console", "debug", stream)
    structlog.get_logger().debug("shown")
    assert "shown" in stream.getvalue()
    assert written() == []


def test_context_is_in_every_line(written: Callable[[], list[dict[str, Any]]]) -> None:
    with structlog.contextvars.bound_contextvars(job=HASH):
        structlog.get_logger().info("bound")
        logging.getLogger("other").info("plain")
    assert [event["job"] for event in written()] == [HASH, HASH]
