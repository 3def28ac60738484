# SPDX-License-Identifier: Apache-2.0
"""Third-party servers as processes, each in the environment that make gave it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import ROOT
from offchain_workers.devnet.process import free_port
from offchain_workers.models.demo import digits, digits_mlp, magika

APPS = Path(__file__).parent / "apps"
MODELS = (digits(), magika(), digits_mlp())
NOT_INSTALLED = "{kind} is not installed: `make .venv-{kind}/.done` does it, or says why not"
READY_SECONDS = 120.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Host:
    """A server that runs: its kind and where it is."""

    kind: str
    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """All of its processes at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def is_installed(kind: str) -> bool:
    """Whether make has made the server's environment, whole."""
    return (ROOT / f".venv-{kind}/.done").exists()


@contextmanager
def host(kind: str, folder: Path, more: Mapping[str, bytes] | None = None) -> Iterator[Host]:
    """A server with our demo models, ready, from an environment that was made. ``more``: names
    and ONNX files of other models."""
    assert is_installed(kind), NOT_INSTALLED.format(kind=kind)
    python = ROOT / f".venv-{kind}/bin/python"
    port = free_port(None)
    files = {model.card.name: model.onnx_bytes for model in MODELS} | dict(more or {})
    command = _COMMANDS[kind](python, port, _write(folder, files))
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        # Triton's server outlives the process that started it, but not its group.
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(APPS)},
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(process, url, log, files)
        yield Host(kind, url, process)
    finally:
        _end(process)


def _write(folder: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.onnx" for name in files}
    for name, path in paths.items():
        path.write_bytes(files[name])
    return paths


def _mlserver(python: Path, port: int, models: dict[str, Path]) -> Sequence[str]:
    folder = next(iter(models.values())).parent
    ports = {"http_port": port, "grpc_port": free_port(None), "metrics_port": free_port(None)}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False} | ports
    (folder / "settings.json").write_text(json.dumps(settings))
    for name, path in models.items():
        (folder / name).mkdir(exist_ok=True)
        model = {
            "name": name,
            "implementation": "mlserver_onnx.OnnxModel",
            "parameters": {"uri": str(path)},
        }
        (folder / name / "model-settings.json").write_text(json.dumps(model))
    return [str(python.with_name("mlserver")), "start", str(folder)]


def _kserve(python: Path, port: int, models: dict[str, Path]) -> Sequence[str]:
    return [str(python), str(APPS / "kserve_onnx.py"), str(port), *_pairs(models)]


def _triton(python: Path, port: int, models: dict[str, Path]) -> Sequence[str]:
    ports = [str(port), str(free_port(None)), str(free_port(None))]
    return [str(python), str(APPS / "triton_onnx.py"), *ports, *_pairs(models)]


def _pairs(models: dict[str, Path]) -> list[str]:
    return [f"{name}={path}" for name, path in models.items()]


_COMMANDS: dict[str, Callable[[Path, int, dict[str, Path]], Sequence[str]]] = {
    "mlserver": _mlserver,
    "kserve": _kserve,
    "triton": _triton,
}


def _await_ready(
    process: subprocess.Popen[bytes], url: str, log: Path, names: Iterable[str]
) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client(base_url=url, trust_env=False) as client:
        while not all(_is_ready(client, name) for name in names):
            text = log.read_text(errors="replace")[-2000:]
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.1)


def _is_ready(client: httpx.Client, name: str) -> bool:
    try:
        return client.get(f"/v2/models/{name}/ready").status_code == 200
    except httpx.TransportError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, whatever state its leader is in."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
