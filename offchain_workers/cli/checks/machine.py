# SPDX-License-Identifier: Apache-2.0
"""This machine: disk, database, engine, anvil."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import DatabaseLockedError
from offchain_workers.cli.checks.finding import Finding, Level, broken, fail, ok, warn
from offchain_workers.config import Settings
from offchain_workers.devnet import find_anvil
from offchain_workers.engines import EngineError
from offchain_workers.engines.build import build_engine
from offchain_workers.engines.errors import RuntimeMissingError
from offchain_workers.engines.hardware import inspect
from offchain_workers.errors import FusionError
from offchain_workers.storage import LocalStore

_LITTLE, _LEAST = 1 << 30, 100 << 20
_PROBE = b"fusion doctor"


def store(settings: Settings) -> Iterator[Finding]:
    """The blob folder takes a blob and gives it back, and its disk has room."""
    folder = settings.storage.folder
    try:
        local = LocalStore(folder)
        local.get(local.put(_PROBE), len(_PROBE))
    except FusionError as error:
        yield broken("store", error, "check storage.folder, its owner and the disk")
        return
    free = shutil.disk_usage(folder).free
    message = f"{folder} takes blobs, {free / (1 << 30):.1f} GiB free"
    if free >= _LITTLE:
        yield ok("store", message)
        return
    level = fail if free < _LEAST else warn
    yield level("store", "MN-CLI-060", message, "free some space before models are fetched")


def database(settings: Settings) -> Iterator[Finding]:
    """The worker's database can be used, by one worker at a time."""
    url = settings.worker.database
    try:
        path = _sqlite_file(url)
        if path is not None and not path.exists():
            yield _new_database(path)
            return
        Database(url).close()
    except ArgumentError:
        yield fail("database", "MN-CHAIN-024", "not a database URL", "correct worker.database")
    except DatabaseLockedError as error:
        yield ok("database", f"a worker is running: {error.message}")
    except FusionError as error:
        yield broken("database", error, "see worker.database")
    else:
        yield ok("database", "can be opened and written")


def engine(settings: Settings) -> Iterator[Finding]:
    """What really runs models here, as a session of a tiny model reports it."""
    try:
        found = build_engine(settings.engine)
        hardware = inspect(found)
    except RuntimeMissingError as error:
        hint = "install the extra cpu or gpu; only workers and publishers need it"
        yield broken("engine", error, hint, Level.WARN)
        return
    except EngineError as error:
        yield broken("engine", error, "mend the installation, or choose engine.provider = 'cpu'")
        return
    providers = ", ".join(hardware.providers)
    if not providers:
        yield fail(
            "engine", "MN-ENGINE-016", "no server answers", "start them, or mend engine.oip.urls"
        )
        return
    yield ok("engine", f"{hardware.runtime} runs models on {providers}")
    if hardware.gpus and found.provider == "cpu":
        names = ", ".join(gpu.name for gpu in hardware.gpus)
        yield warn("engine", "MN-CLI-061", f"{names} is here but not used", "install the extra gpu")


def anvil(settings: Settings) -> Iterator[Finding]:
    """Development chains run on anvil where it is found."""
    found = find_anvil()
    yield ok("anvil", str(found) if found else "not found: development chains run in Python")


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    named = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(named) if named and named != ":memory:" else None


def _new_database(path: Path) -> Finding:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if os.access(folder, os.W_OK):
        return ok("database", f"{path} will be made by the worker")
    return fail(
        "database", "MN-CLI-062", f"{path} can't be made: {folder} is not writable",
        "set worker.database to a place of your own",
    )  # fmt: skip
