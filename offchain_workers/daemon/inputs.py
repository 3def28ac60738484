# SPDX-License-Identifier: Apache-2.0
"""Get a job's input from its post or by content id, and see that it is the one committed to."""

from __future__ import annotations

from collections.abc import Sequence

from offchain_workers.chain.contracts import JobTerms
from offchain_workers.daemon.errors import (
    CommitmentMismatchError,
    InputMisfitError,
    InputRefusedError,
    InputSealedError,
    InputTooLargeError,
    InputUnavailableError,
    PostUnreadableError,
)
from offchain_workers.errors import FusionError
from offchain_workers.models import WireLengthError
from offchain_workers.models.wire import split_items
from offchain_workers.sealed_jobs import Reader
from offchain_workers.sealing import OVERHEAD, SealedError
from offchain_workers.storage import (
    BlobStore,
    BlobTooLargeError,
    HttpStore,
    InvalidReferenceError,
    MultiStore,
    StoreError,
)
from offchain_workers.storage.reference import (
    Inline,
    Reference,
    Sealed,
    encode_reference,
    encode_sealed,
    is_sealed,
    parse,
)
from verifiers.base import Concealing, Enclosed, Method, ModelView

_CONNECT_SECONDS = 5.0
# In front of the content id of a kept box.
_BOX = "sealed:"
# What a method may seal beside the item.
_ENVELOPE = 1_024


class Inputs:
    """Fetches inputs; what comes from elsewhere is kept in the local store.

    What comes in a box stays in it there: ``reader`` opens it in memory, each time. Without a
    reader boxes are refused. ``allow_private`` lets a post's locator lead to private addresses
    (development only); ``seconds`` bounds a transfer from there.
    """

    def __init__(
        self,
        local: BlobStore,
        peers: Sequence[BlobStore],
        allow_private: bool = False,
        seconds: float = 30.0,
        reader: Reader | None = None,
    ) -> None:
        self._local = local
        self._peers = tuple(peers)
        self._allow_private = allow_private
        self._seconds = seconds
        self._reader = reader

    def get(self, terms: JobTerms, data: bytes, model: ModelView, method: Method) -> list[bytes]:
        """The items' wire bytes; a box as it is where the method opens it elsewhere. Raises an
        InputRefusedError, and what the method says (of a box only its code: words may show what is
        inside)."""
        if not is_sealed(data):
            return self._checked(terms, self.raw(data, _most(terms, model)), model, method)
        if isinstance(method, Enclosed):
            return [self.raw(data, _most(terms, model) + OVERHEAD + _ENVELOPE)]
        raw = self._opened(terms, self.raw(data, _most(terms, model) + OVERHEAD), method)
        try:
            return self._checked(terms, raw, model, method)
        except InputRefusedError:
            raise
        except FusionError as error:
            raise CommitmentMismatchError(error.code) from None

    def raw(self, data: bytes, limit: int) -> bytes:
        """The bytes that post data lead to, a box as it is; at most ``limit``. Raises an
        InputRefusedError."""
        try:
            where = parse(data)
        except InvalidReferenceError as error:
            raise PostUnreadableError(error.message) from error
        if isinstance(where, Sealed):
            where = where.where
        found = where.data if isinstance(where, Inline) else self._fetched(where, limit)
        if len(found) > limit:
            raise InputTooLargeError(f"{len(found)} bytes, the model takes {limit}")
        return found

    def keep(self, data: bytes, items: Sequence[bytes], limit: int) -> str:
        """Store a promised job's input, whatever its post will name. Returns a name for ``kept``.

        A box (of at most ``limit`` bytes) is kept as it is. Raises StoreError, an
        InputRefusedError."""
        if not is_sealed(data):
            return self._local.put(b"".join(items))
        return _BOX + self._local.put(self.raw(data, limit))

    def kept(self, name: str) -> bytes:
        """Post data that lead to what ``keep`` stored."""
        found = encode_reference(name.removeprefix(_BOX))
        return encode_sealed(found) if name.startswith(_BOX) else found

    def _opened(self, terms: JobTerms, box: bytes, method: Method) -> bytes:
        if not isinstance(method, Concealing):
            raise InputSealedError(f"method {method.name} hides no input")
        if self._reader is None:
            raise InputSealedError
        try:
            return self._reader.open(terms, box)
        except SealedError:
            raise InputSealedError from None

    def _checked(
        self, terms: JobTerms, raw: bytes, model: ModelView, method: Method
    ) -> list[bytes]:
        try:
            items = split_items(model.card.inputs, raw)
        except WireLengthError as error:
            raise InputMisfitError(error.message) from error
        if len(items) != terms.n:
            raise InputMisfitError(f"{len(items)} items, the terms say {terms.n}")
        if method.commit_input(items, model) != terms.input_commitment:
            raise CommitmentMismatchError
        return items

    def _fetched(self, where: Reference, limit: int) -> bytes:
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


def _most(terms: JobTerms, model: ModelView) -> int:
    return terms.n * model.card.item_bytes_in
