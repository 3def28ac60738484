# SPDX-License-Identifier: Apache-2.0
"""What is particular to PostgreSQL; the follower's and the transactions' tests run on it too."""

from __future__ import annotations

import os
import socket

import pytest
from sqlalchemy import text

from offchain_workers.chain.db import Database
from offchain_workers.chain.errors import (
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnusableError,
)
from offchain_workers.chain.tables import MetaRow

URL = os.environ.get("TEST_POSTGRES_URL", "")
pytestmark = pytest.mark.skipif(not URL, reason="TEST_POSTGRES_URL names no empty database")


def test_a_second_daemon_is_refused_until_the_first_ends(db: Database) -> None:
    with pytest.raises(DatabaseLockedError):
        Database(URL)
    Database(URL, exclusive=False).close()
    db.close()
    Database(URL).close()


def write_read_only(db: Database) -> None:
    with db.session() as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        session.add(MetaRow(key="k", value="v"))


def test_a_database_that_takes_no_writes_is_a_typed_error(db: Database) -> None:
    with pytest.raises(DatabaseFullError):
        write_read_only(db)


def test_a_server_that_is_not_there_is_a_clear_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DatabaseUnusableError):
            Database(f"postgresql+psycopg://secret:hunter2@127.0.0.1:{port}/none")
