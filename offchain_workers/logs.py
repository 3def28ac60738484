# SPDX-License-Identifier: Apache-2.0
"""Logging for every process: structlog over the standard library, on stderr, secrets hidden."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from offchain_workers.redact import HIDDEN, redact

_SECRET_NAME = re.compile(
    r"passw|secret|mnemonic|private_?key|api_?key|authorization|cookie|(access|auth|api|bearer)_?token",
    re.IGNORECASE,
)


def configure(
    style: Literal["console", "json"] = "console",
    level: str = "info",
    stream: TextIO | None = None,
) -> None:
    """Send structlog's and the standard library's records to ``stream`` (stderr) in one style.

    Safe to call again: the last call wins. Standard output is left to results.
    """
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(), processors=_render(style, out.isatty())
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line for each request is noise at info.
    for name in ("httpx", "httpcore", "web3"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """structlog processor: values named like secrets go, and URLs lose their keys."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_clean(name, item) for item in value]
    if isinstance(value, (bool, int, float, type(None))):
        return value
    return redact(str(value))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _render(style: Literal["console", "json"], colors: bool) -> list[Processor]:
    """Exceptions become text before secrets are hidden, so that tracebacks are covered too."""
    last: Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=colors)
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        hide_secrets,
        last,
    ]
