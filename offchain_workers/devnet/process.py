# SPDX-License-Identifier: Apache-2.0
"""A child process that serves a chain: its log in a file, its life tied to ours."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx

from ..errors import FusionError

START_SECONDS = 60.0
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def free_port(wanted: int | None) -> int:
    """`wanted` when it is free, or any free port of 127.0.0.1 for None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise FusionError(
                "MN-DEV-003", f"port {wanted} is taken: stop what uses it or name another port"
            ) from error
        return int(probe.getsockname()[1])


def spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own (Ctrl-C does not reach it), output into `log`.

    On Linux it gets SIGTERM when the thread that started it ends, however that comes about.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(_die_with, os.getpid()) if _libc is not None else None,
        )


def await_rpc(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return once the chain answers; raise with the end of its log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=2.0) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise FusionError("MN-DEV-002", f"the chain did not start: {_last_line(log)}")
            if _answers(client, url):
                return
            time.sleep(0.05)
    stop(process)
    raise FusionError("MN-DEV-002", f"the chain did not answer in {START_SECONDS:.0f} s ({log})")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, insist after ten seconds; harmless when it is gone."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(client: httpx.Client, url: str) -> bool:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    try:
        return client.post(url, json=request).is_success
    except httpx.TransportError:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"no output in {log}"


def _die_with(parent: int) -> None:
    """Runs in the child between fork and exec, so it only makes system calls."""
    assert _libc is not None
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(1)
