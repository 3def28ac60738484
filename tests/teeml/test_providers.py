# SPDX-License-Identifier: Apache-2.0
"""Sources of quotes, against stand-ins that keep the rules of the kernel, dstack and Gramine."""

from __future__ import annotations

import errno
import json
import os
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.teeml.judging import MACHINE
from verifiers.teeml.errors import (
    OtherReportError,
    ProviderError,
    QuoteShapeError,
    SimulationRefusedError,
)
from verifiers.teeml.providers import (
    ConfigfsTsm,
    Dstack,
    Gramine,
    SimulatedProvider,
    configfs,
    find_provider,
)
from verifiers.teeml.providers.configfs import TsmFiles
from verifiers.teeml.quote import Quote
from verifiers.teeml.simulated import enclave_report, td_report

DATA = bytes(range(64))


def tdx(report_data: bytes) -> bytes:
    return MACHINE.quote(4, td_report(report_data))


# --- the kernel -------------------------------------------------------------------------------


class Kernel(TsmFiles):
    """The rules of drivers/virt/coco/tsm.c, for one kind of hardware."""

    def __init__(self, provider: str = "tdx_guest", make: Callable[[bytes], bytes] = tdx) -> None:
        super().__init__(Path("/nowhere"))
        self._provider, self._make = provider, make
        self._reports: dict[str, tuple[bytes, int]] = {}
        # Errors that the hardware answers reads of the quote with, first to last.
        self.failures: list[int] = []
        # What others do between our write and our read.
        self.intruder: Callable[[Kernel, str], None] | None = None

    def exists(self) -> bool:
        return True

    @property
    def reports(self) -> list[str]:
        return list(self._reports)

    def make(self, name: str) -> None:
        if name in self._reports:
            raise OSError(errno.EEXIST, "File exists")
        self._reports[name] = (b"", 0)

    def remove(self, name: str) -> None:
        del self._reports[name]

    def write(self, name: str, attribute: str, data: bytes) -> None:
        if attribute != "inblob" or not 0 < len(data) <= 64:
            raise OSError(errno.EINVAL, "Invalid argument")
        self._reports[name] = (data, self._reports[name][1] + 1)

    def read(self, name: str, attribute: str) -> bytes:
        given, generation = self._reports[name]
        if attribute == "provider":
            return f"{self._provider}\n".encode()
        if attribute == "generation":
            return f"{generation}\n".encode()
        if not given:
            raise OSError(errno.EINVAL, "Invalid argument")
        if self.failures:
            number = self.failures.pop(0)
            raise OSError(number, os.strerror(number))
        if self.intruder:
            self.intruder(self, name)
            given = self._reports[name][0]
        return self._make(given)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configfs, "_PAUSE_SECONDS", 0)


def test_a_guest_gets_a_quote_of_its_data_and_leaves_nothing_behind() -> None:
    kernel = Kernel()
    quote = ConfigfsTsm(kernel).quote(DATA).quote
    assert Quote.parse(quote).report.report_data == DATA
    assert kernel.reports == []


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EINTR])
def test_a_busy_machine_is_asked_again_but_not_for_ever(number: int) -> None:
    kernel = Kernel()
    kernel.failures = [number] * 4
    assert ConfigfsTsm(kernel).quote(DATA).quote == tdx(DATA)
    kernel.failures = [number] * 5
    with pytest.raises(ProviderError, match="still busy"):
        ConfigfsTsm(kernel).quote(DATA)
    assert kernel.reports == []


def test_another_failure_is_final() -> None:
    kernel = Kernel()
    kernel.failures = [errno.EIO]
    with pytest.raises(ProviderError, match="Input/output error"):
        ConfigfsTsm(kernel).quote(DATA)
    assert kernel.reports == []


def test_who_writes_between_spoils_one_attempt_only() -> None:
    kernel = Kernel()

    def intrude(self: Kernel, name: str) -> None:
        self.intruder = None
        self.write(name, "inblob", bytes(64))

    kernel.intruder = intrude
    assert ConfigfsTsm(kernel).quote(DATA).quote == tdx(DATA)


def test_a_quote_of_other_data_is_refused() -> None:
    kernel = Kernel(make=lambda data: tdx(bytes(64)))
    with pytest.raises(OtherReportError):
        ConfigfsTsm(kernel).quote(DATA)


def test_other_hardware_behind_the_kernel_is_refused() -> None:
    with pytest.raises(ProviderError, match="sev_guest"):
        ConfigfsTsm(Kernel("sev_guest")).quote(DATA)


def test_what_is_no_quote_is_refused() -> None:
    with pytest.raises(QuoteShapeError):
        ConfigfsTsm(Kernel(make=lambda data: b"short")).quote(DATA)
    with pytest.raises(ProviderError, match="33000 bytes"):
        ConfigfsTsm(Kernel(make=lambda data: bytes(33_000))).quote(DATA)


def test_the_system_calls_are_those_of_files(tmp_path: Path) -> None:
    files = TsmFiles(tmp_path)
    files.make("one")
    with pytest.raises(FileNotFoundError):
        files.write("one", "inblob", b"never creates a file")
    (tmp_path / "one/inblob").touch()
    files.write("one", "inblob", DATA)
    assert files.read("one", "inblob") == DATA
    (tmp_path / "one/inblob").unlink()
    files.remove("one")
    assert files.exists()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProviderError, match="No such file"):
        ConfigfsTsm(TsmFiles(tmp_path / "missing")).quote(DATA)


# --- dstack -----------------------------------------------------------------------------------


class _Agent(BaseHTTPRequestHandler):
    """GetQuote as sdk/curl/api.md of dstack has it."""

    server: _Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, body = self.server.answer(self.path, bytes.fromhex(asked["report_data"]))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(socketserver.UnixStreamServer):
    @staticmethod
    def answer(path: str, report_data: bytes) -> tuple[int, bytes]:
        if path != "/GetQuote":
            return 404, b"{}"
        found = {"quote": tdx(report_data).hex(), "event_log": "[]", "vm_config": "{}"}
        return 200, json.dumps(found).encode()


@pytest.fixture
def agent() -> Iterator[tuple[Path, _Server]]:
    # Not in pytest's folder: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dstack.sock"
        with _Server(str(path), _Agent) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield path, server
            server.shutdown()
            thread.join()


def test_dstack_gives_a_quote_and_its_event_log(agent: tuple[Path, _Server]) -> None:
    provider = Dstack(agent[0])
    assert provider.available()
    found = provider.quote(DATA)
    assert (found.quote, found.event_log) == (tdx(DATA), "[]")


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b"{}"), (200, b'{"quote": "xy"}')])
def test_an_agent_without_an_answer_is_said(
    agent: tuple[Path, _Server], answer: tuple[int, bytes]
) -> None:
    agent[1].answer = lambda path, data: answer  # type: ignore[method-assign, assignment]
    with pytest.raises(ProviderError):
        Dstack(agent[0]).quote(DATA)


def test_no_agent_is_said(tmp_path: Path) -> None:
    provider = Dstack(tmp_path / "none")
    assert not provider.available()
    with pytest.raises(ProviderError):
        provider.quote(DATA)


# --- Gramine ----------------------------------------------------------------------------------


@pytest.fixture
def enclave(tmp_path: Path) -> Iterator[Path]:
    """Plain files, and a pipe whose reader gets a quote of what was written just before."""
    (tmp_path / "attestation_type").write_text("dcap")
    (tmp_path / "user_report_data").touch()
    pipe = tmp_path / "quote"
    os.mkfifo(pipe)

    def serve() -> None:
        # Opening waits for a reader, who has written by then.
        with pipe.open("wb") as target:
            data = (tmp_path / "user_report_data").read_bytes()
            target.write(MACHINE.quote(3, enclave_report(data)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield tmp_path
    # A reader for a writer that nobody has read from; never waits for one that has gone.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    thread.join()
    os.close(reader)


def test_an_enclave_gets_a_quote_of_its_data(enclave: Path) -> None:
    provider = Gramine(enclave)
    assert provider.available()
    quote = Quote.parse(provider.quote(DATA).quote)
    assert (quote.version, quote.report.report_data) == (3, DATA)


def test_gramine_without_dcap_is_refused(enclave: Path) -> None:
    (enclave / "attestation_type").write_text("none")
    with pytest.raises(ProviderError, match="'none'"):
        Gramine(enclave).quote(DATA)


def test_outside_of_an_enclave_there_is_no_quote(tmp_path: Path) -> None:
    provider = Gramine(tmp_path)
    assert not provider.available()
    with pytest.raises(ProviderError):
        provider.quote(DATA)


# --- simulated, and all -----------------------------------------------------------------------


@pytest.mark.parametrize("chain_id", [1, 137, 8453, 11_155_111])
def test_simulated_hardware_is_refused_off_development_chains(chain_id: int) -> None:
    with pytest.raises(SimulationRefusedError):
        SimulatedProvider(MACHINE, chain_id)


def test_simulated_hardware_quotes_what_it_is_given() -> None:
    provider = SimulatedProvider(MACHINE, 31_337)
    assert provider.simulated
    assert Quote.parse(provider.quote(DATA).quote).report.report_data == DATA


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_report_data_has_64_bytes(size: int, tmp_path: Path) -> None:
    providers = (
        ConfigfsTsm(Kernel()),
        Dstack(tmp_path),
        Gramine(tmp_path),
        SimulatedProvider(MACHINE, 1337),
    )
    for provider in providers:
        with pytest.raises(ProviderError, match="report data"):
            provider.quote(bytes(size))


def test_where_no_hardware_is_no_provider_is_found() -> None:
    found = find_provider()
    assert found is None or not found.simulated
