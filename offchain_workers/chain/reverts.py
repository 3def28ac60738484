# SPDX-License-Identifier: Apache-2.0
"""Tell reverts from other refusals, and say why a call reverted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
# What nodes say when the code itself stops without revert data.
_EVM_WORDS = ("revert", "invalid opcode", "invalidfeopcode", "out of gas", "outofgas", "evm error")


def is_revert(error: Mapping[str, Any]) -> bool:
    """Whether the contract refused, rather than the node."""
    text = str(error.get("message", "")).lower()
    return error.get("code") == 3 or any(word in text for word in _EVM_WORDS)


def reason(error: Mapping[str, Any]) -> str:
    """The revert string, panic code or custom error selector; else the node's own words."""
    data = _data(error.get("data"))
    message = str(error.get("message", "no reason given"))
    try:
        if data[:4] == _ERROR:
            return str(decode(["string"], data[4:])[0])
        if data[:4] == _PANIC:
            return f"panic 0x{decode(['uint256'], data[4:])[0]:02x}"
    except (DecodingError, UnicodeDecodeError):
        pass
    return f"custom error 0x{data.hex()}" if data else message


def _data(data: object) -> bytes:
    """Some nodes nest the bytes one level deeper."""
    if isinstance(data, Mapping):
        data = data.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""
