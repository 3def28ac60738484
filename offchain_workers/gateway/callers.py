# SPDX-License-Identifier: Apache-2.0
"""Who calls: API keys, kept as hashes in a file, and what each may use."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from offchain_workers.config.gateway import Gateway
from offchain_workers.gateway.errors import KeysFileError, KeyWrongError

_PREFIX = "mn_"


class Quota(BaseModel):
    """What a caller may use; wei and items."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int = Field(ge=1)
    spend_per_hour: int = Field(ge=0)
    max_in_flight: int = Field(ge=1)
    blob_bytes_per_hour: int = Field(ge=0)

    @classmethod
    def of(cls, settings: Gateway) -> Quota:
        """The default."""
        return cls(
            requests_per_minute=settings.requests_per_minute,
            spend_per_hour=settings.spend_per_hour_wei,
            max_in_flight=settings.max_in_flight,
            blob_bytes_per_hour=settings.blob_bytes_per_hour,
        )


class KeyEntry(BaseModel):
    """A line of the keys' file. ``sha256`` of a key of 32 random bytes needs no salt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    requests_per_minute: int | None = Field(None, ge=1)
    spend_per_hour: int | None = Field(None, ge=0)
    max_in_flight: int | None = Field(None, ge=1)
    blob_bytes_per_hour: int | None = Field(None, ge=0)

    def quota(self, default: Quota) -> Quota:
        own = {name: getattr(self, name) for name in Quota.model_fields}
        return default.model_copy(update={k: v for k, v in own.items() if v is not None})


class Caller(BaseModel):
    """``name`` is what rows are kept under; ``may_spend`` posts, uploads and forms."""

    model_config = ConfigDict(frozen=True)

    name: str
    quota: Quota
    may_spend: bool


_ENTRIES = TypeAdapter(list[KeyEntry])


def read_keys(path: Path) -> list[KeyEntry]:
    """None where there is no file. Raises KeysFileError."""
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeysFileError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise KeysFileError(f"{path}: {error.error_count()} entries can't be read") from error


def write_keys(path: Path, entries: Sequence[KeyEntry]) -> None:
    """Whole or not at all, readable by its owner. Raises KeysFileError."""
    text = json.dumps([entry.model_dump(exclude_none=True) for entry in entries], indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".keys-") as folder:
            draft = Path(folder) / path.name
            draft.write_text(text + "\n")
            draft.chmod(0o600)
            os.replace(draft, path)
    except OSError as error:
        raise KeysFileError(f"{path}: {error.strerror}") from error


def new_key() -> tuple[str, str]:
    """A key, to be shown once, and its hash, to be kept."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, _hash(key)


class Callers:
    """Tells callers apart. The file is read again when it changed: a revoked key ends at once."""

    def __init__(self, settings: Gateway) -> None:
        self._path = settings.keys_file
        self._open = settings.open
        self._default = Quota.of(settings)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._entries = {entry.sha256: entry for entry in read_keys(self._path)}

    def of(self, authorization: str, address: str) -> Caller:
        """By the header `Authorization: Bearer KEY`, else by address. Raises KeyWrongError."""
        if not authorization:
            return Caller(name=f"address:{address}", quota=self._default, may_spend=self._open)
        scheme, _, key = authorization.partition(" ")
        entry = self._known().get(_hash(key.strip()))
        if scheme.lower() != "bearer" or entry is None:
            raise KeyWrongError("no such API key; send `Authorization: Bearer KEY`")
        return Caller(name=entry.name, quota=entry.quota(self._default), may_spend=True)

    def _known(self) -> dict[str, KeyEntry]:
        with self._lock:
            stamp = self._stamp_of_file()
            if stamp != self._stamp:
                self._entries = {entry.sha256: entry for entry in read_keys(self._path)}
                self._stamp = stamp
            return self._entries

    def _stamp_of_file(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_ino


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
