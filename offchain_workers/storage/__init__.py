# SPDX-License-Identifier: Apache-2.0
"""Content-addressed blobs (models, cards, big inputs): a local folder, HTTP, or several stores."""

from __future__ import annotations

from offchain_workers.storage.base import BlobStore
from offchain_workers.storage.content import check_content_id, content_id
from offchain_workers.storage.errors import (
    BlobCorruptError,
    BlobMissingError,
    BlobTooLargeError,
    BlobUnavailableError,
    InvalidContentIdError,
    InvalidLocationError,
    InvalidReferenceError,
    PrivateAddressError,
    StoreError,
    StoreFullError,
    StoreUnreachableError,
    StoreUnusableError,
)
from offchain_workers.storage.http import HttpStore
from offchain_workers.storage.local import LocalStore
from offchain_workers.storage.multi import MultiStore

__all__ = [
    "BlobCorruptError",
    "BlobMissingError",
    "BlobStore",
    "BlobTooLargeError",
    "BlobUnavailableError",
    "HttpStore",
    "InvalidContentIdError",
    "InvalidLocationError",
    "InvalidReferenceError",
    "LocalStore",
    "MultiStore",
    "PrivateAddressError",
    "StoreError",
    "StoreFullError",
    "StoreUnreachableError",
    "StoreUnusableError",
    "check_content_id",
    "content_id",
]
