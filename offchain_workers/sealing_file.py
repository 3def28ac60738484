# SPDX-License-Identifier: Apache-2.0
"""An operator's sealing key on disk: in a box that only its account opens."""

from __future__ import annotations

from pathlib import Path

from eth_account.signers.local import LocalAccount

from offchain_workers import keys
from offchain_workers.errors import FusionError
from offchain_workers.sealing import SealedError, SealingError, SealingKey, derived, seal

SUFFIX = ".sealing"
_PURPOSE = b"model network: file of a sealing key 1"


class SealingFileError(SealingError):
    """A file that should hold a sealing key and does not, or another account's."""

    CODE = "MN-KEY-014"


def own_key(folder: Path, account: LocalAccount) -> SealingKey:
    """The account's sealing key, made and stored in ``folder`` when there is none.

    Raises SealingFileError, MN-KEY-003 when it can't be written.
    """
    path = folder / f"{account.address.lower()}{SUFFIX}"
    lock = derived(bytes(account.key), _PURPOSE)
    info = bytes.fromhex(account.address[2:])
    if not path.exists():
        _make(path, lock, info)
    return _read(path, lock, info)


def _make(path: Path, lock: SealingKey, info: bytes) -> None:
    box = seal(lock.public, SealingKey.generate().secret_bytes(), info)
    try:
        keys.store_new(path, box.hex())
    except FusionError as error:
        if error.code != "MN-KEY-002":  # another process of ours was faster: take its key
            raise


def _read(path: Path, lock: SealingKey, info: bytes) -> SealingKey:
    try:
        box = bytes.fromhex(path.read_text(encoding="ascii"))
        return SealingKey.from_secret(lock.open(box, info))
    except OSError as error:
        raise SealingFileError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, SealedError):
        raise SealingFileError(f"{path} holds no sealing key of this account") from None
