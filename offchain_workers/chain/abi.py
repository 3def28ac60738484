# SPDX-License-Identifier: Apache-2.0
"""ABI decoding of what strangers wrote: a contract takes any bytes for a string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.codec import ABIDecoder
from eth_abi.decoding import StringDecoder
from eth_abi.registry import registry as usual


class _AnyText(StringDecoder):
    @staticmethod
    def decoder_fn(data: bytes, handle_string_errors: str = "") -> str:  # type: ignore[override]
        return data.decode(errors="backslashreplace")


_registry = usual.copy()  # type: ignore[no-untyped-call]
_registry.unregister_decoder("string")
_registry.register_decoder("string", _AnyText, label="string")
_decoder = ABIDecoder(_registry)


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Values of ``types``; what is no UTF-8 in a string is written as ``\\xff``: one stranger's
    bytes must not stop whoever reads the chain. Raises DecodingError, ValueError."""
    return _decoder.decode(types, data)
