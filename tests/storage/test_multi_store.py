# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from offchain_workers.storage import (
    BlobCorruptError,
    BlobMissingError,
    BlobUnavailableError,
    HttpStore,
    LocalStore,
    MultiStore,
    content_id,
)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "local")


def damage(store: LocalStore, cid: str) -> None:
    (store.folder / cid[2:4] / cid[2:]).write_bytes(b"damaged")


def test_a_remote_blob_is_kept_locally(local: LocalStore, served: tuple[str, LocalStore]) -> None:
    cid = served[1].put(b"remote")
    store = MultiStore(local, [HttpStore(served[0], allow_private=True)])
    assert store.has(cid)
    assert store.get(cid, 10) == b"remote"
    assert local.get(cid, 10) == b"remote"


def test_a_damaged_local_copy_is_healed_from_a_remote(
    local: LocalStore, served: tuple[str, LocalStore]
) -> None:
    cid = local.put(b"twice")
    served[1].put(b"twice")
    damage(local, cid)
    assert MultiStore(local, [HttpStore(served[0], allow_private=True)]).get(cid, 10) == b"twice"
    assert local.get(cid, 10) == b"twice"


def test_a_full_local_disk_does_not_hide_a_remote_blob(
    tmp_path: Path, served: tuple[str, LocalStore]
) -> None:
    full = LocalStore(tmp_path / "full", min_free_bytes=1 << 62)
    cid = served[1].put(b"remote")
    assert MultiStore(full, [HttpStore(served[0], allow_private=True)]).get(cid, 10) == b"remote"


def test_an_unreachable_store_is_passed_over(local: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    cid = other.put(b"here")
    dead = HttpStore("http://127.0.0.1:1", allow_private=True)
    store = MultiStore(local, [dead, other])
    assert store.has(cid)
    assert store.get(cid, 10) == b"here"


def test_missing_everywhere(local: LocalStore, tmp_path: Path) -> None:
    store = MultiStore(local, [LocalStore(tmp_path / "other")])
    assert not store.has(content_id(b"x"))
    with pytest.raises(BlobMissingError):
        store.get(content_id(b"x"), 10)


def test_the_only_real_failure_is_the_one_reported(local: LocalStore, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    cid = other.put(b"x")
    damage(other, cid)
    with pytest.raises(BlobCorruptError):
        MultiStore(local, [other]).get(cid, 10)


def test_different_failures_are_listed(local: LocalStore) -> None:
    cid = local.put(b"x")
    damage(local, cid)
    dead = HttpStore("http://127.0.0.1:1", allow_private=True)
    with pytest.raises(BlobUnavailableError, match=r"damaged on disk.*127\.0\.0\.1:1"):
        MultiStore(local, [dead]).get(cid, 10)
