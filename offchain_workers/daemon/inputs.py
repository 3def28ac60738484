# SPDX-License-Identifier: Apache-2.0
"""Get a job's input from its post or by content id, and see that it is the one committed to."""

from __future__ import annotations

from collections.abc import Sequence

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.daemon.errors import (
    CommitmentMismatchError,
    InputMisfitError,
    InputTooLargeError,
    InputUnavailableError,
    PostUnreadableError,
)
from offchain_workers.models import WireLengthError
from offchain_workers.models.wire import split_items
from offchain_workers.storage import (
    BlobStore,
    BlobTooLargeError,
    HttpStore,
    InvalidReferenceError,
    MultiStore,
    StoreError,
)
from offchain_workers.storage.reference import Inline, Reference, encode_reference, parse
from verifiers.base import Method, ModelView

_CONNECT_SECONDS = 5.0


class Inputs:
    """Fetches inputs; what comes from elsewhere is kept in the local store.

    ``allow_private`` lets a post's locator lead to private addresses (development only);
    ``seconds`` bounds a transfer from there.
    """

    def __init__(
        self,
        local: BlobStore,
        peers: Sequence[BlobStore],
        allow_private: bool = False,
        seconds: float = 30.0,
    ) -> None:
        self._local = local
        self._peers = tuple(peers)
        self._allow_private = allow_private
        self._seconds = seconds

    def get(self, terms: JobTerms, data: bytes, model: ModelView, method: Method) -> list[bytes]:
        """The items' wire bytes. Raises an InputRefusedError, and what the method says."""
        card = model.card
        limit = terms.n * card.item_bytes_in
        raw = self._raw(data, limit)
        if len(raw) > limit:
            raise InputTooLargeError(f"{len(raw)} bytes, the model takes {limit}")
        try:
            items = split_items(card.inputs, raw)
        except WireLengthError as error:
            raise InputMisfitError(error.message) from error
        if len(items) != terms.n:
            raise InputMisfitError(f"{len(items)} items, the terms say {terms.n}")
        if method.commit_input(items, model) != terms.input_commitment:
            raise CommitmentMismatchError
        return items

    def keep(self, items: Sequence[bytes]) -> str:
        """Store a promised job's input, whatever its post will name. Raises StoreError."""
        return self._local.put(b"".join(items))

    def kept(self, cid: str) -> bytes:
        """Post data that names what ``keep`` stored."""
        return encode_reference(cid)

    def _raw(self, data: bytes, limit: int) -> bytes:
        try:
            where = parse(data)
        except InvalidReferenceError as error:
            raise PostUnreadableError(error.message) from error
        if isinstance(where, Inline):
            return where.data
        try:
            return self._fetch(where, limit)
        except BlobTooLargeError as error:
            raise InputTooLargeError(error.message) from error
        except StoreError as error:
            raise InputUnavailableError(str(error)) from error

    def _fetch(self, where: Reference, limit: int) -> bytes:
        if not where.locator:
            return MultiStore(self._local, self._peers).get(where.cid, limit)
        named = HttpStore(
            where.locator,
            allow_private=self._allow_private,
            timeout=min(_CONNECT_SECONDS, self._seconds),
            deadline=self._seconds,
        )
        try:
            return MultiStore(self._local, (named, *self._peers)).get(where.cid, limit)
        finally:
            named.close()
