# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: the first stops a daemon, a second one ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from offchain_workers.daemon.life import Daemon

log = structlog.get_logger(__name__)


@contextmanager
def on_signals(heard: Callable[[int], None]) -> Iterator[None]:
    """``heard`` gets the number of each; the handlers that were there before come back."""

    def handler(number: int, _: FrameType | None) -> None:
        heard(number)

    before = {s: signal.signal(s, handler) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def stopped_by_signals(daemon: Daemon, doing: str) -> Iterator[None]:
    """While it runs; ``doing`` says what a stopping one still does."""

    def heard(number: int) -> None:
        if daemon.stopping:
            log.warning("second signal: exiting at once")
            os._exit(128 + number)
        log.info(f"stopping: {doing}; a second signal exits at once")
        daemon.stop()

    with on_signals(heard):
        yield
