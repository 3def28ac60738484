# SPDX-License-Identifier: Apache-2.0
"""Single bits of a quote, and of its collateral, that somebody signed: flipped."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding

from tests.teeml.bundles import Bundle
from verifiers.teeml.certificates import read_leaf
from verifiers.teeml.collateral import Collateral
from verifiers.teeml.quote import Quote

Change = Callable[[int], tuple[bytes, Collateral]]


@dataclass(frozen=True)
class Flip:
    """A bundle with one bit changed."""

    part: int
    bit: int
    quote: bytes = field(repr=False)
    given: Collateral = field(repr=False)


def flips(bundle: Bundle, count: int, seed: int) -> list[Flip]:
    """So many, drawn evenly from all signed bits."""
    parts, rng = changes(bundle), random.Random(seed)
    found = []
    for part in rng.choices(range(len(parts)), [bits for bits, _ in parts], k=count):
        bits, change = parts[part]
        bit = rng.randrange(bits)
        found.append(Flip(part, bit, *change(bit)))
    return found


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


Change = Callable[[int], tuple[bytes, Collateral]]


def changes(bundle: Bundle) -> list[tuple[int, Change]]:
    """How many bits each signed part has, and the bundle with one of them flipped."""
    given = Collateral.parse(bundle.collateral)
    quote = Quote.parse(bundle.quote)
    leaf = read_leaf(quote.chain).raw.public_bytes(Encoding.DER)
    body = bundle.quote[: bundle.quote.index(b"-----BEGIN")]
    # Between the quote's signed bytes and its keys stand lengths, which nobody signs.
    start, keys = len(quote.signed), len(quote.signed) + 4
    report = keys + 128 + (6 if quote.version > 3 else 0)

    def in_quote(offset: int) -> Change:
        return lambda bit: (flipped(bundle.quote, offset * 8 + bit), given)

    def in_leaf(bit: int) -> tuple[bytes, Collateral]:
        return body + pem(flipped(leaf, bit)) + bytes(bundle.quote[len(body) :]), given

    def in_field(name: str) -> Change:
        whole = getattr(given, name)
        if isinstance(whole, bytes):
            return lambda bit: (bundle.quote, with_field(name, flipped(whole, bit)))
        # Seven bits of each character: with the eighth it would be no text at all.
        return lambda bit: (
            bundle.quote,
            with_field(name, flipped(whole.encode(), bit // 7 * 8 + bit % 7).decode()),
        )

    def with_field(name: str, value: bytes | str) -> Collateral:
        return given.model_copy(update={name: value})

    fields = ("root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature")
    texts = ("tcb_info", "qe_identity")
    return [
        (start * 8, in_quote(0)),
        (128 * 8, in_quote(keys)),
        ((384 + 64) * 8, in_quote(report)),
        (32 * 8, in_quote(report + 384 + 64 + 2)),
        (len(leaf) * 8, in_leaf),
        *((len(getattr(given, name)) * 8, in_field(name)) for name in fields),
        *((len(getattr(given, name)) * 7, in_field(name)) for name in texts),
    ]


def pem(der: bytes) -> bytes:
    text = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
