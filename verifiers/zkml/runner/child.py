# SPDX-License-Identifier: Apache-2.0
"""The process that calls ezkl. Run by its path; imports nothing of ours, so that it starts fast.

Reads one JSON request from stdin: ``{"memory": bytes, "steps": [[name, arguments], ...]}``.
Writes a line to stdout before each step, ``{"step": name}``, and after the last one, or at the
first that fails, what came of it: ``{"results": [...], "peak": KiB}`` or ``{"error": line}``.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import json
import os
import resource
import signal
import sys
from typing import Any, TextIO

_PR_SET_PDEATHSIG = 1


def main() -> None:
    request = json.load(sys.stdin)
    report = _take_stdout()
    # Linux: whoever waits for us may be killed without a chance to end us.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    try:
        results = [_call(name, arguments, report) for name, arguments in request["steps"]]
    except ModuleNotFoundError as error:
        _tell(report, {"missing": str(error)})
    except BaseException as error:  # a Rust panic is no Exception
        _tell(report, {"error": f"{type(error).__name__}: {error}"})
    else:
        _tell(report, {"results": results, "peak": _peak()})
    # Threads of ezkl must not keep the process alive.
    os._exit(0)


def _take_stdout() -> TextIO:
    """A stream to the real stdout; what ezkl prints goes to stderr from now on."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return report


def _peak() -> int:
    """KiB. What getrusage says begins with the memory of whoever started us."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def _tell(report: TextIO, line: dict[str, Any]) -> None:
    report.write(json.dumps(line) + "\n")
    report.flush()


def _call(name: str, arguments: dict[str, Any], report: TextIO) -> Any:
    import ezkl

    _tell(report, {"step": name})
    if name == "version":
        return vars(ezkl)["__version__"]
    if "py_run_args" in arguments:
        arguments = arguments | {"py_run_args": _run_args(arguments["py_run_args"])}
    function = getattr(ezkl, name)
    if name == "create_evm_verifier":
        return asyncio.run(_emit(function, arguments))
    return _plain(function(**arguments))


async def _emit(function: Any, arguments: dict[str, Any]) -> bool:
    """The source is written first; what fails then is the hunt for a compiler: not needed."""
    try:
        await function(**arguments)
    except RuntimeError:
        if not os.path.exists(arguments["sol_code_path"]):
            raise
    return True


def _run_args(values: dict[str, Any]) -> Any:
    import ezkl

    made = ezkl.PyRunArgs()
    for name, value in values.items():
        setattr(made, name, [tuple(v) for v in value] if name == "variables" else value)
    return made


def _plain(value: Any) -> Any:
    """Points as hexadecimal numbers, lists and plain values as they are, the rest as None."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if hasattr(value, "x") and hasattr(value, "y") and not inspect.ismodule(value):
        return [value.x, value.y]
    return value if isinstance(value, bool | int | float | str) else None


if __name__ == "__main__":
    main()
