# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnusableError,
    SchemaMismatchError,
    WrongDatabaseError,
)
from offchain_workers.chain.outbox import Outbox
from offchain_workers.chain.tables import EventRow, MetaRow, OutboxRow, RideRow


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """SQLite, whatever the other tests run on."""
    database = Database(f"sqlite:///{tmp_path}/chain.db")
    yield database
    database.close()


def event(index: int, size: int = 1) -> EventRow:
    return EventRow(
        block_number=1,
        block_hash=b"\1" * 32,
        log_index=index,
        tx_hash=b"\2" * 32,
        address="0x" + "00" * 20,
        name="E",
        args={"n": 2**255, "b": b"\xff" * size, "s": {"t": [b"", True, None, "text"]}},
    )


def count(db: Database) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(EventRow)) or 0


def crash_after(db: Database, row: EventRow) -> None:
    with db.session() as session:
        session.add(row)
        session.flush()
        raise RuntimeError("crash")


def write_each(db: Database, *rows: EventRow) -> None:
    with db.session() as session:
        for row in rows:
            session.add(row)
            session.flush()


def test_sqlite_is_set_up_to_survive_a_power_cut(db: Database) -> None:
    with db.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_event_arguments_survive_the_database(db: Database) -> None:
    row = event(0)
    before = dict(row.args)
    with db.session() as session:
        session.add(row)
    with db.read() as session:
        assert session.scalars(select(EventRow)).one().args == before


def test_a_database_from_before_wishes_shared_transactions_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    old = Database(url)
    with old.session() as session:
        Outbox("0x" + "11" * 20, 1).enqueue(session, "key", "0x" + "22" * 20, b"")
        session.execute(text("DROP TABLE outbox_rides"))
    old.close()
    new = Database(url)
    with new.read() as session:
        assert session.scalars(select(OutboxRow).join(OutboxRow.rides, isouter=True)).one().key
        assert session.scalars(select(RideRow)).all() == []
    new.close()


def test_a_session_is_all_or_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError, match="crash"):
        crash_after(db, event(0))
    assert count(db) == 0


def test_a_second_daemon_is_refused_and_a_looker_is_not(db: Database, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/chain.db"
    with pytest.raises(DatabaseLockedError) as error:
        Database(url)
    assert error.value.code == "MN-CHAIN-020"
    looker = Database(url, exclusive=False)
    assert count(looker) == 0
    looker.close()


def test_the_lock_ends_with_its_holder(db: Database, tmp_path: Path) -> None:
    db.close()
    Database(f"sqlite:///{tmp_path}/chain.db").close()


def test_a_reader_is_not_held_up_by_a_writer(db: Database) -> None:
    with db.session() as session:
        session.add(event(0))
        session.flush()
        assert count(db) == 0
    assert count(db) == 1


def test_writers_queue_instead_of_failing(db: Database) -> None:
    def write(start: int) -> None:
        for index in range(start, start + 10):
            with db.session() as session:
                session.scalars(select(EventRow)).all()
                session.add(event(index))

    threads = [threading.Thread(target=write, args=(n * 10,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(db) == 40


def test_a_full_disk_is_a_typed_error_and_nothing_is_half_written(db: Database) -> None:
    with db.engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DatabaseFullError) as error:
        write_each(db, event(0), event(1, size=100_000))
    assert error.value.code == "MN-CHAIN-022"
    assert count(db) == 0
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    with db.session() as session:
        session.add(event(0))
    assert count(db) == 1


def test_a_database_of_another_version_is_refused(db: Database, tmp_path: Path) -> None:
    with db.session() as session:
        row = session.get(MetaRow, "schema:chain")
        assert row is not None
        row.value = "999"
    db.close()
    with pytest.raises(SchemaMismatchError, match="version 999"):
        Database(f"sqlite:///{tmp_path}/chain.db")


def test_packages_have_versions_of_their_own(db: Database, tmp_path: Path) -> None:
    db.close()
    url = f"sqlite:///{tmp_path}/chain.db"
    Database(url, versions={"operator": 1}).close()
    Database(url, versions={"operator": 1}).close()
    with pytest.raises(SchemaMismatchError, match="operator"):
        Database(url, versions={"operator": 2})


def test_a_database_belongs_to_one_chain(db: Database) -> None:
    db.bind_chain(1, b"\1" * 32)
    db.bind_chain(1, b"\1" * 32)
    with pytest.raises(WrongDatabaseError, match=r"chain\.db"):
        db.bind_chain(1, b"\2" * 32)


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://x", "sqlite:////no/such/folder/x.db"])
def test_a_database_that_cannot_be_opened_is_a_clear_error(url: str) -> None:
    with pytest.raises(DatabaseUnusableError):
        Database(url)


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "worker.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseUnusableError, match="never a database"):
        Database(f"sqlite:///{tmp_path}/worker.db")
