# SPDX-License-Identifier: Apache-2.0
"""Providers as real processes that can be stopped, killed, slowed and made to lie."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import httpx

from benchmarks import ROOT
from benchmarks.balancing.node import answer
from offchain_workers.balancing import Attempt

ANSWER_SECONDS = 0.5
_START_SECONDS = 30.0


class NodeProcess:
    """One provider under 127.0.0.1; ``restart`` comes back under the same port."""

    def __init__(self, seconds: float) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._seconds = seconds
        self.restart()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restart(self) -> None:
        command = [sys.executable, "-m", "benchmarks.balancing.node"]
        self._process = subprocess.Popen(
            [*command, f"--seconds={self._seconds}", f"--port={self.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "it did not start"

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def control(self, **what: object) -> None:
        httpx.post(f"{self.url}/control", json=what, trust_env=False).raise_for_status()

    def close(self) -> None:
        """Whatever state it is in."""
        if self._process.poll() is None:
            self.kill()


@contextmanager
def nodes(seconds: Sequence[float]) -> Iterator[list[NodeProcess]]:
    with ExitStack() as stack:
        started = []
        for each in seconds:
            started.append(node := NodeProcess(each))
            stack.callback(node.close)
        yield started


class Asker:
    """The work of an attempt: one POST on a connection of its own, closed when cancelled."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[str] = []

    def ask(self, attempt: Attempt, body: bytes) -> bytes:
        self.asked.append(attempt.target)
        self.keys.append(attempt.key)
        timeout = httpx.Timeout(ANSWER_SECONDS)
        # Without certificates to load, a client is cheap to make.
        with httpx.Client(timeout=timeout, trust_env=False, verify=False) as client:
            attempt.on_cancel(client.close)
            response = client.post(f"{attempt.target}/infer", content=body)
        response.raise_for_status()
        return response.content


def is_right(body: bytes, told: bytes) -> bool:
    return told == answer(body)


def eventually(found: Iterator[bool]) -> None:
    """Until one is true."""
    deadline = time.monotonic() + _START_SECONDS
    for one in found:
        if one:
            return
        assert time.monotonic() < deadline, "it did not happen in time"
