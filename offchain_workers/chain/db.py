# SPDX-License-Identifier: Apache-2.0
"""The daemons' database: SQLite by default, PostgreSQL by URL; one process at a time."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from offchain_workers.chain.errors import (
    ChainError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnusableError,
    SchemaMismatchError,
    WrongDatabaseError,
)
from offchain_workers.chain.tables import CHAIN_SCHEMA, Base, MetaRow
from offchain_workers.redact import redact

_SQLITE_BUSY, _SQLITE_CANTOPEN = 5, 14
_SQLITE_DAMAGED = {11, 26}  # corrupt, not a database
_SQLITE_UNWRITABLE = {8, 10, 13}  # read-only, I/O error, full
_BUSY_SECONDS = 30
_READ_ONLY = "model_network_read_only"


class Database:
    """Sessions over one database.

    ``versions`` names the schema version of each package whose tables (on tables.Base) live here
    too. ``exclusive=False`` is for tools that only look while a daemon runs.
    """

    def __init__(
        self, url: str, versions: Mapping[str, int] | None = None, exclusive: bool = True
    ) -> None:
        self._lock: TextIO | Connection | None = None
        self.engine = _engine(url)
        with ExitStack() as undo:
            undo.callback(self.close)
            with _typed_errors():
                self._lock = _lock(self.engine) if exclusive else None
                Base.metadata.create_all(self.engine)
            self._check_versions({"chain": CHAIN_SCHEMA, **(versions or {})})
            undo.pop_all()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One write transaction: commits at the end, or nothing of it is kept.

        On SQLite other writers wait meanwhile: ask the network before, not inside.
        Raises DatabaseFullError, DatabaseLockedError.
        """
        with _typed_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view that blocks nobody; changes are dropped."""
        engine = self.engine.execution_options(**{_READ_ONLY: True})
        with _typed_errors(), Session(engine, expire_on_commit=False) as session:
            yield session

    def bind_chain(self, chain_id: int, genesis: bytes) -> None:
        """Remember the chain at first use. Raises WrongDatabaseError when it is another one."""
        chain = f"{chain_id}:0x{genesis.hex()}"
        with self.read() as session:
            row = session.get(MetaRow, "chain")
        if row is None:
            with self.session() as session:
                session.add(MetaRow(key="chain", value=chain))
        elif row.value != chain:
            name = self.engine.url.render_as_string(hide_password=True)
            raise WrongDatabaseError(
                f"the database {name} follows chain {row.value}, the endpoints serve {chain}"
            )

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self.engine.dispose()

    def _check_versions(self, wanted: Mapping[str, int]) -> None:
        with self.session() as session:
            for component, version in wanted.items():
                row = session.get(MetaRow, f"schema:{component}")
                if row is None:
                    session.add(MetaRow(key=f"schema:{component}", value=str(version)))
                elif row.value != str(version):
                    raise SchemaMismatchError(
                        f"the database has version {row.value} of the {component} tables, "
                        f"this program needs {version}"
                    )


def _engine(url: str) -> Engine:
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseUnusableError(redact(f"database {url}: {error}")) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # SQLAlchemy, not the driver, says when a transaction begins.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at the start: a reader that turns writer would fail instead of waiting."""
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _lock(engine: Engine) -> TextIO | Connection | None:
    """Held until ``close`` or the end of the process, however it ends."""
    if engine.dialect.name == "postgresql":
        return _lock_postgres(engine)
    if not engine.url.database or engine.url.database == ":memory:":
        return None
    path = f"{engine.url.database}.lock"
    try:
        handle = open(path, "a+")  # noqa: SIM115 - held, not used
    except OSError as error:
        raise DatabaseUnusableError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise DatabaseLockedError(
            f"{engine.url.database} is in use by process {owner}; one daemon, one database"
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _lock_postgres(engine: Engine) -> Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    key = zlib.crc32(b"model-network")
    if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
        connection.close()
        raise DatabaseLockedError(f"another daemon uses database {engine.url.database}")
    return connection


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        typed = _typed(error)
        if typed is None:
            raise
        raise typed from error


def _typed(error: DBAPIError) -> ChainError | None:
    why = redact(str(error.orig))
    sqlite = (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF
    state = getattr(error.orig, "sqlstate", None) or ""
    if sqlite in _SQLITE_UNWRITABLE or state.startswith("53") or state == "25006":
        return DatabaseFullError(f"nothing was written: {why}")
    if sqlite == _SQLITE_BUSY or state == "55P03":
        return DatabaseLockedError(why)
    if sqlite in _SQLITE_DAMAGED:
        return DatabaseUnusableError(f"the file is damaged or was never a database: {why}")
    # A server that can't be reached gives no code at all.
    unreachable = isinstance(error, OperationalError) and not sqlite and not state
    if sqlite == _SQLITE_CANTOPEN or unreachable:
        return DatabaseUnusableError(why)
    return None
