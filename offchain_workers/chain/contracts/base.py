# SPDX-License-Identifier: Apache-2.0
"""What every contract wrapper has: typed reads, and calls ready to be queued or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from offchain_workers.chain.artifact import load
from offchain_workers.chain.call import Call, revert_reason
from offchain_workers.chain.errors import CallRevertedError, ContractMissingError

ZERO_ADDRESS = "0x" + "00" * 20
NATIVE = ZERO_ADDRESS


class ContractWrapper:
    """A deployed contract: of the package, by the artifact's name, or with an ABI of its own."""

    NAME: str

    def __init__(
        self, w3: Web3, address: str, abi: Sequence[Mapping[str, Any]] | None = None
    ) -> None:
        self.w3 = w3
        self.address = to_checksum_address(address)
        self.abi: Sequence[Mapping[str, Any]] = abi or load(self.NAME).abi
        self._contract = w3.eth.contract(address=self.address, abi=cast(Any, self.abi))

    def read(self, function: str, *args: Any, block: int | str = "latest") -> Any:
        """The answer of a view function. Raises CallRevertedError, ContractMissingError."""
        try:
            return self._contract.functions[function](*args).call(block_identifier=cast(Any, block))
        except ContractLogicError as error:
            raise CallRevertedError(f"{self.NAME}.{function}: {revert_reason(error)}") from error
        except BadFunctionCallOutput as error:
            raise ContractMissingError(
                f"no {self.NAME} answers at {self.address}: is this the right chain?"
            ) from error

    def call(self, function: str, *args: Any, value: int = 0) -> Call:
        """A call of a function that changes state."""
        selector, types = self._functions[function, len(args)]
        return Call(self.address, selector + encode(types, args), value)

    def decode(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """The function that a call names, and its arguments by name; ValueError for no call."""
        function, given = self._contract.decode_function_input(data)
        return str(function.fn_name), dict(given)

    @cached_property
    def _functions(self) -> dict[tuple[str, int], tuple[bytes, list[str]]]:
        """Selector and types by name and number of arguments (web3 looks for them each time)."""
        entries = [cast(Any, entry) for entry in self.abi if entry["type"] == "function"]
        return {
            (entry["name"], len(entry["inputs"])): (
                bytes(function_abi_to_4byte_selector(entry)),
                get_abi_input_types(entry),
            )
            for entry in entries
        }
