# SPDX-License-Identifier: Apache-2.0
"""Encrypted keystores (V3, scrypt) and the passwords that open them."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_hex_address, to_checksum_address

from offchain_workers.errors import FusionError

SUFFIX = ".json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# A keystore from elsewhere could ask for hours and all memory: eth_account's own n is 2**18.
_MAX_SCRYPT_N = 2**20
_MAX_PBKDF2_ROUNDS = 10_000_000


@dataclass(frozen=True)
class Keystore:
    """A keystore file. ``address`` is checksummed; None when the file can't be understood."""

    name: str
    path: Path
    address: str | None


def create(folder: Path, name: str, password: str, work: int | None = None) -> Keystore:
    """Make a new key and store it, encrypted, in ``folder`` (made with mode 0700 if absent).

    ``work``: scrypt's cost, a power of two; only a key for development coins may do with less
    than the default.
    The file appears whole or not at all, with mode 0600, and never replaces another.
    Raises MN-KEY-001 bad name, -002 exists, -003 can't be written, -007 empty password.
    """
    path = check_free(folder, name)
    if not password:
        raise FusionError("MN-KEY-007", "an empty password protects nothing")
    account = Account.create()
    store_new(path, json.dumps(account.encrypt(password, iterations=work)))
    return Keystore(name, path, str(account.address))


def check_free(folder: Path, name: str) -> Path:
    """Where ``create`` would store ``name``. Raises MN-KEY-001 bad name, -002 exists."""
    if not _NAME.fullmatch(name):
        raise FusionError(
            "MN-KEY-001",
            f"{name[:70]!r} can't name an account: use a-z, 0-9, '-' and '_', at most 64",
        )
    path = folder / f"{name}{SUFFIX}"
    if path.exists():
        raise _exists(path)
    return path


def load(path: Path, password: str) -> LocalAccount:
    """Open a keystore. Raises MN-KEY-004 missing, -005 not a keystore, -006 wrong password."""
    keystore = _read(path)
    try:
        key = Account.decrypt(keystore, password)
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise FusionError("MN-KEY-006", f"wrong password for {path}") from None
        raise _damaged(path) from error
    except (KeyError, TypeError, NotImplementedError, AttributeError) as error:
        raise _damaged(path) from error
    account: LocalAccount = Account.from_key(key)
    if _address(keystore) not in (None, account.address):
        raise _damaged(path)
    return account


def list_keystores(folder: Path) -> list[Keystore]:
    """The keystores of a folder by name; none when the folder does not exist."""
    return [_listed(path) for path in sorted(folder.glob(f"*{SUFFIX}")) if path.is_file()]


def describe(path: Path) -> Keystore:
    """Name and address of a keystore, without its password. Raises MN-KEY-004 and -005."""
    return Keystore(path.stem, path, _address(_read(path)))


def find(folder: Path, keystore: str | None) -> Path:
    """The path of a keystore given by name in ``folder`` or by path. Raises MN-KEY-011 for None."""
    if keystore is None:
        raise FusionError("MN-KEY-011", "which account? Name one, or set account.keystore")
    if _NAME.fullmatch(keystore):
        return folder / f"{keystore}{SUFFIX}"
    return Path(keystore).expanduser()


def _listed(path: Path) -> Keystore:
    """One bad file must not hide the others."""
    try:
        return describe(path)
    except FusionError:
        return Keystore(path.stem, path, None)


def store_new(path: Path, text: str) -> None:
    """Write a file of secrets, whole or not at all, with mode 0600, in a folder of mode 0700.

    Raises MN-KEY-002 exists, -003 can't be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
            draft = Path(folder) / path.name
            _write_new(draft, text)
            # Unlike a rename, a link fails when somebody was faster.
            os.link(draft, path)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            raise _exists(path) from None
        raise FusionError("MN-KEY-003", f"can't write {path}: {error.strerror}") from error


def _write_new(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)


def _read(path: Path) -> dict[str, Any]:
    try:
        keystore = json.loads(path.read_text(encoding="utf-8"))
        crypto = keystore["crypto"] if "crypto" in keystore else keystore["Crypto"]
        parameters = crypto["kdfparams"]
        cost = max(
            parameters.get("n", 0) / _MAX_SCRYPT_N, parameters.get("c", 0) / _MAX_PBKDF2_ROUNDS
        )
    except FileNotFoundError:
        raise FusionError("MN-KEY-004", f"no keystore at {path}") from None
    except OSError as error:
        raise FusionError("MN-KEY-004", f"can't read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error
    if cost > 1:
        raise _damaged(path)
    return dict(keystore)


def _address(keystore: dict[str, Any]) -> str | None:
    """The address a keystore names; geth leaves out 0x, and some tools the address."""
    address = keystore.get("address")
    return to_checksum_address(address) if is_hex_address(address) else None


def _exists(path: Path) -> FusionError:
    return FusionError("MN-KEY-002", f"{path} exists; keystores are never overwritten")


def _damaged(path: Path) -> FusionError:
    return FusionError("MN-KEY-005", f"{path} is not a keystore, or it is damaged")
