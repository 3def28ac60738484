# SPDX-License-Identifier: Apache-2.0
"""What a JSON-RPC client of the embedded chain gets when a request fails: code, message, data."""

from __future__ import annotations

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601
SERVER_ERROR = -32000
TRANSACTION_REJECTED = -32003
EXECUTION_REVERTED = 3

ERROR_STRING = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")


class RpcError(Exception):
    """A JSON-RPC error object; `data` are the revert bytes when a call reverted."""

    def __init__(self, code: int, message: str, data: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def invalid_params(message: str) -> RpcError:
    return RpcError(INVALID_PARAMS, message)


def rejected(message: str) -> RpcError:
    """A transaction that the chain refuses to take."""
    return RpcError(TRANSACTION_REJECTED, message)


def reverted(data: bytes) -> RpcError:
    """A call that reverted with `data`, worded as geth and anvil word it."""
    reason = _reason(data)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    return RpcError(EXECUTION_REVERTED, message, data)


def _reason(data: bytes) -> str:
    selector, body = data[:4], data[4:]
    try:
        if selector == ERROR_STRING:
            return str(decode(["string"], body)[0])
        if selector == PANIC:
            return f"panic code 0x{decode(['uint256'], body)[0]:02x}"
    except (DecodingError, UnicodeDecodeError):
        return ""
    return f"custom error 0x{selector.hex()}" if len(selector) == 4 else ""
