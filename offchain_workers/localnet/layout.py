# SPDX-License-Identifier: Apache-2.0
"""Where a local market keeps its files."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from offchain_workers import keys
from offchain_workers.errors import FusionError

# Development coins behind a long random password: a slow key derivation would protect nothing.
KEY_WORK = 1 << 12


class Layout:
    """Paths below one folder. Keys are real keystores; one password file serves them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.chain = self.folder / "chain"
        self.deployment = self.folder / "deployment.json"
        self.blobs = self.folder / "blobs"
        self.keys = self.folder / "keys"
        self.password_file = self.folder / "password"
        self.config = self.folder / "fusion.toml"
        self.ports = self.folder / "ports.json"
        self._accounts: dict[str, LocalAccount] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FusionError("MN-DEV-012", f"can't make {folder}: {error.strerror}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else runs this market meanwhile. Raises FusionError."""
        with (self.folder / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FusionError(
                    "MN-DEV-013", f"the market in {self.folder} is up already"
                ) from None
            yield

    def write_config(self, url: str) -> None:
        """The file with which `fusion` talks to this market as the requester. Its databases belong
        to this chain: another market on this machine has others."""
        databases = {
            name: {"database": f"sqlite:///{self.folder / name}.db"}
            for name in ("worker", "watch", "gateway")
        }
        tables: dict[str, dict[str, Any]] = {
            "chain": {
                "rpc_urls": [url],
                "deployment": str(self.deployment),
                "poll_seconds": 0.2,
            },
            "account": {
                "folder": str(self.keys),
                "keystore": "requester",
                "password_file": str(self.password_file),
            },
            "storage": {"folder": str(self.blobs), "allow_private": True},
        }
        write(self.config, toml(tables | databases))

    def worker(self, name: str) -> Path:
        return self.folder / "workers" / name

    def password(self) -> str:
        """Made once; these keys hold development coins only, yet are kept like others."""
        if not self.password_file.exists():
            handle = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return self.password_file.read_text()

    def account(self, name: str) -> LocalAccount:
        """The account of that name, made when it is new."""
        if name not in self._accounts:
            known = {keystore.name: keystore for keystore in keys.list_keystores(self.keys)}
            found = known.get(name) or keys.create(self.keys, name, self.password(), KEY_WORK)
            self._accounts[name] = keys.load(found.path, self.password())
        return self._accounts[name]

    def port(self, name: str, choose: Any) -> int:
        """A port that stays the same over restarts."""
        ports: dict[str, int] = json.loads(self.ports.read_text()) if self.ports.exists() else {}
        if name not in ports:
            ports[name] = choose()
            write(self.ports, json.dumps(ports, indent=2))
        return ports[name]


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    os.replace(draft, path)


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Strings, numbers, booleans and lists are the same in TOML as in JSON."""
    lines: list[str] = []
    for table, entries in tables.items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in entries.items()]
        lines.append("")
    return "\n".join(lines)
