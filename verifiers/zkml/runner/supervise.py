# SPDX-License-Identifier: Apache-2.0
"""Start the process that calls ezkl, watch it, and say in one line what went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from verifiers.zkml.errors import (
    EzklFailedError,
    EzklKilledError,
    EzklMissingError,
    EzklTimeoutError,
)

CHILD = Path(__file__).with_name("child.py")
GIB = 1 << 30
# ezkl looks for files and compilers in the network when it misses some: nobody answers there.
_NOWHERE = "http://127.0.0.1:9"
_MAX_LINE = 200


@dataclass(frozen=True)
class Limits:
    """Of one supervised run: wall seconds, bytes of address space, threads (0: one a core)."""

    seconds: float = 600
    memory: int = 16 * GIB
    threads: int = 0


@dataclass(frozen=True)
class Step:
    """One call: a function of ezkl with its named arguments, paths as text."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What each step returned, and the process's peak resident memory in bytes."""

    results: Sequence[Any]
    peak: int


USUAL = Limits()


class Ezkl:
    """Runs steps in ``folder``, all in one process. ``say`` is told each step's name as it begins.

    Raises EzklMissingError, EzklFailedError, EzklTimeoutError, EzklKilledError.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits = USUAL,
        say: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._say = say

    def run(self, *steps: Step) -> Outcome:
        request = {
            "memory": self._limits.memory,
            "steps": [[step.name, step.arguments] for step in steps],
        }
        with tempfile.TemporaryFile(dir=self._folder) as noise, self._started(noise) as process:
            last, timed_out = self._watch(process, json.dumps(request).encode())
            noise.seek(0)
            printed = noise.read().decode(errors="replace")
        if timed_out:
            raise EzklTimeoutError(f"{last.get('step')}: longer than {self._limits.seconds:g} s")
        return _outcome(last, process.returncode, printed)

    def _watch(
        self, process: subprocess.Popen[bytes], request: bytes
    ) -> tuple[dict[str, Any], bool]:
        """The last line of the child's, and whether it was ended for the time it took."""
        assert process.stdin is not None  # pipes
        assert process.stdout is not None
        end = _Deadline(process, self._limits.seconds)
        last: dict[str, Any] = {}
        try:
            process.stdin.write(request)
            process.stdin.close()
            for line in process.stdout:
                last = json.loads(line)
                if "step" in last:
                    self._say(last["step"])
            process.wait()
        except BrokenPipeError:
            process.wait()
        finally:
            end.cancel()
        return last, end.passed

    @contextmanager
    def _started(self, noise: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD)],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                ended(process)

    def _environment(self) -> dict[str, str]:
        threads = {"RAYON_NUM_THREADS": str(self._limits.threads)} if self._limits.threads else {}
        home = str(self._folder.resolve())
        return {
            "PATH": os.defpath,
            "HOME": home,
            "TMPDIR": home,
            "EZKL_REPO_PATH": home,
            "HTTP_PROXY": _NOWHERE,
            "HTTPS_PROXY": _NOWHERE,
            "ALL_PROXY": _NOWHERE,
            **threads,
        }


class _Deadline:
    """Ends a process when its time is over."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()
        self.passed = False

    def _end(self) -> None:
        self.passed = True
        ended(self._process)

    def cancel(self) -> None:
        self._timer.cancel()


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _outcome(last: dict[str, Any], code: int, printed: str) -> Outcome:
    if "results" in last:
        return Outcome(last["results"], last["peak"] * 1024)
    if "missing" in last:
        raise EzklMissingError("ezkl is not installed: pip install model-network[zk]")
    if "error" in last:
        raise EzklFailedError(_line(last["error"]))
    where = f"{last.get('step', 'start')}: the process ended with {_ending(code)}"
    raise EzklKilledError(f"{where}; {_line(printed)}" if printed.strip() else where)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"


def _line(text: str) -> str:
    """The last line that says something, cut to a length for a person."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given")[:_MAX_LINE]
