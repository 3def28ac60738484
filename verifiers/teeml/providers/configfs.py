# SPDX-License-Identifier: Apache-2.0
"""`configfs-tsm`: the kernel's own interface, Linux 6.7 and later (ABI/testing/configfs-tsm).

A report is a folder: what is written into `inblob` counts up `generation`, reading `outblob` makes
the quote. Others may write in between, so that the generation is read before and after.
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from pathlib import Path
from typing import Literal

from verifiers.teeml.errors import ProviderError
from verifiers.teeml.providers.base import Evidence, check_report_data, checked

REPORTS = Path("/sys/kernel/config/tsm/report")
_PROVIDER = "tdx_guest"
_BUSY = (errno.EBUSY, errno.EINTR, errno.EAGAIN)
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.1
_MOST_BYTES = 32_768


class TsmFiles:
    """The system calls, one folder a report."""

    def __init__(self, root: Path = REPORTS) -> None:
        self.root = root

    def exists(self) -> bool:
        return self.root.is_dir()

    def make(self, name: str) -> None:
        (self.root / name).mkdir()

    def remove(self, name: str) -> None:
        (self.root / name).rmdir()

    def write(self, name: str, attribute: str, data: bytes) -> None:
        """In one call: the kernel takes a blob whole."""
        target = os.open(self.root / name / attribute, os.O_WRONLY)
        try:
            os.write(target, data)
        finally:
            os.close(target)

    def read(self, name: str, attribute: str) -> bytes:
        return (self.root / name / attribute).read_bytes()


class ConfigfsTsm:
    """Quotes of a TDX guest."""

    name = "configfs-tsm"
    tee: Literal["tdx", "sgx"] = "tdx"
    simulated = False

    def __init__(self, files: TsmFiles | None = None) -> None:
        self._files = files or TsmFiles()

    def available(self) -> bool:
        return self._files.exists()

    def quote(self, report_data: bytes) -> Evidence:
        """Tries again, a few times, while the hardware is busy or somebody else writes."""
        check_report_data(report_data)
        name = f"fusion-{uuid.uuid4().hex}"
        try:
            self._files.make(name)
            try:
                quote = self._attempts(name, report_data)
            finally:
                self._files.remove(name)
        except OSError as error:
            raise ProviderError(f"configfs-tsm: {error.strerror}") from error
        return checked(Evidence(quote), report_data)

    def _attempts(self, name: str, report_data: bytes) -> bytes:
        kind = self._files.read(name, "provider").decode("ascii", "replace").strip()
        if kind != _PROVIDER:
            raise ProviderError(f"configfs-tsm is served by {kind!r}, want {_PROVIDER}")
        for _ in range(_ATTEMPTS):
            quote = self._attempt(name, report_data)
            if quote:
                return quote
            time.sleep(_PAUSE_SECONDS)
        raise ProviderError(f"configfs-tsm is still busy after {_ATTEMPTS} attempts")

    def _attempt(self, name: str, report_data: bytes) -> bytes | None:
        try:
            self._files.write(name, "inblob", report_data)
            before = self._files.read(name, "generation")
            quote = self._files.read(name, "outblob")
            after = self._files.read(name, "generation")
        except OSError as error:
            if error.errno in _BUSY:
                return None
            raise
        if len(quote) > _MOST_BYTES:
            raise ProviderError(f"configfs-tsm gave {len(quote)} bytes")
        return quote if before == after else None
