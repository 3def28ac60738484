# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a blob: a class and a code for each thing a caller may tell apart."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class StoreError(FusionError):
    """Any failure of a blob store; raise one of the subclasses, which carry the code."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class InvalidContentIdError(StoreError):
    """A content id that is not 0x and 64 hex digits."""

    CODE = "MN-STORE-001"


class BlobMissingError(StoreError):
    """The store answered, and it does not have the blob."""

    CODE = "MN-STORE-002"


class BlobCorruptError(StoreError):
    """Bytes whose hash is not the content id that was asked for; they are never returned."""

    CODE = "MN-STORE-003"


class BlobTooLargeError(StoreError):
    """More bytes than the caller, or the store, takes."""

    CODE = "MN-STORE-004"


class StoreFullError(StoreError):
    """No room left; nothing was written."""

    CODE = "MN-STORE-005"


class StoreUnreachableError(StoreError):
    """A remote store did not answer, answered too slowly, or with an unexpected status."""

    CODE = "MN-STORE-006"


class PrivateAddressError(StoreError):
    """A location that leads to a loopback, private or link-local address where none is allowed."""

    CODE = "MN-STORE-007"


class InvalidLocationError(StoreError):
    """A base URL that is not a plain http(s) URL."""

    CODE = "MN-STORE-008"


class InvalidReferenceError(StoreError):
    """The data of a post is no inline input, content id with a locator, or box at either."""

    CODE = "MN-STORE-009"


class StoreUnusableError(StoreError):
    """The local folder can't be read or written (permissions, a file in its place, I/O)."""

    CODE = "MN-STORE-010"


class BlobUnavailableError(StoreError):
    """Several stores were asked and failed for different reasons; the message lists each."""

    CODE = "MN-STORE-011"
