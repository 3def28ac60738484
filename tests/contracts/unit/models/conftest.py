# SPDX-License-Identifier: Apache-2.0
"""A record with artifacts."""

from __future__ import annotations

import pytest

from tests.contracts.unit.models.records import Record


@pytest.fixture
def record() -> Record:
    """Two artifacts in order."""
    return Record(artifacts=((b"\x00\x00\x00\x01", b"\x11" * 32), (b"\x80\0\0\0", b"\x12" * 32)))
