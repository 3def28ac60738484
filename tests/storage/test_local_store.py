# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from offchain_workers.storage import (
    BlobCorruptError,
    BlobMissingError,
    BlobTooLargeError,
    InvalidContentIdError,
    LocalStore,
    StoreFullError,
    StoreUnusableError,
    content_id,
)

EMPTY_KECCAK = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def path_of(store: LocalStore, cid: str) -> Path:
    return store.folder / cid[2:4] / cid[2:]


def test_content_id_is_keccak256() -> None:
    assert content_id(b"") == EMPTY_KECCAK


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(100_000)], ids=["empty", "byte", "noise"])
def test_what_is_put_is_got(tmp_path: Path, data: bytes) -> None:
    store = LocalStore(tmp_path)
    cid = store.put(data)
    assert cid == content_id(data)
    assert store.has(cid)
    assert store.get(cid.upper().replace("0X", "0x"), len(data)) == data
    assert LocalStore(tmp_path).get(cid, len(data)) == data


def test_missing_blob(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert not store.has(EMPTY_KECCAK)
    with pytest.raises(BlobMissingError, match=EMPTY_KECCAK):
        store.get(EMPTY_KECCAK, 10)


@pytest.mark.parametrize("cid", ["", "0x", "0x" + "g" * 64, EMPTY_KECCAK + "\n", "../" * 22])
def test_only_content_ids_reach_the_disk(tmp_path: Path, cid: str) -> None:
    store = LocalStore(tmp_path)
    for use in (store.has, lambda c: store.get(c, 10)):
        with pytest.raises(InvalidContentIdError):
            use(cid)


def test_blob_over_the_callers_limit_is_not_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    cid = store.put(b"12345")
    with pytest.raises(BlobTooLargeError, match="5 bytes, the limit is 4"):
        store.get(cid, 4)


def test_damaged_file_is_quarantined_and_can_be_put_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    cid = store.put(b"good bytes")
    path_of(store, cid).write_bytes(b"evil bytes")
    with pytest.raises(BlobCorruptError, match="quarantine"):
        store.get(cid, 100)
    assert not store.has(cid)
    assert [p.read_bytes() for p in (tmp_path / "quarantine").iterdir()] == [b"evil bytes"]
    assert store.put(b"good bytes") == cid
    assert store.get(cid, 100) == b"good bytes"


def test_put_repairs_a_damaged_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    cid = store.put(b"good bytes")
    path_of(store, cid).write_bytes(b"evil bytes")
    store.put(b"good bytes")
    assert store.get(cid, 100) == b"good bytes"


def test_many_writers_of_one_blob_agree(tmp_path: Path) -> None:
    data = os.urandom(50_000)
    with ThreadPoolExecutor(8) as pool:
        cids = list(pool.map(lambda _: LocalStore(tmp_path).put(data), range(32)))
    assert set(cids) == {content_id(data)}
    assert list((tmp_path / "incoming").iterdir()) == []


def test_disk_that_refuses_to_grow_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file-size limit stops the write half-way, as a full disk does."""
    script = """
        import resource, sys
        from offchain_workers.storage import LocalStore, StoreFullError
        store = LocalStore(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            store.put(bytes(100_000))
        except StoreFullError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("MN-STORE-005: ")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_free_space_floor_refuses_before_writing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, min_free_bytes=1 << 62)
    with pytest.raises(StoreFullError, match="must stay so"):
        store.put(b"x")


def test_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("not a folder")
    with pytest.raises(StoreUnusableError):
        LocalStore(tmp_path / "blobs")


def test_leftovers_of_a_killed_writer_are_swept_once_stale(tmp_path: Path) -> None:
    incoming = LocalStore(tmp_path).folder / "incoming"
    (incoming / "old").write_bytes(b"half")
    (incoming / "new").write_bytes(b"half")
    os.utime(incoming / "old", (0, 0))
    LocalStore(tmp_path)
    assert [p.name for p in incoming.iterdir()] == ["new"]
