# SPDX-License-Identifier: Apache-2.0
"""Which outputs a request asks for, and how each shall travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offchain_workers.models.wire import Array
from offchain_workers.oip.errors import OipFormatError
from offchain_workers.oip.tensors import tensor_entry


@dataclass(frozen=True)
class Wanted:
    """Name of each output that is asked for, and whether it shall be binary."""

    binary: Mapping[str, bool]

    @classmethod
    def of(cls, tree: Mapping[str, Any], known: Sequence[str]) -> Wanted:
        """As a request says: all that are ``known`` when it names none. Raises OipFormatError."""
        default = _flag(tree, "binary_data_output", False)
        asked = tree.get("outputs")
        if not asked:
            return cls(dict.fromkeys(known, default))
        if not isinstance(asked, list):
            raise OipFormatError("outputs is not a list")
        found = {_name(entry, known): _flag(entry, "binary_data", default) for entry in asked}
        return cls(found)

    def entries(self, outputs: Mapping[str, Array]) -> tuple[list[dict[str, Any]], list[bytes]]:
        """The JSON of each, and the bytes that follow it."""
        pairs = [tensor_entry(name, outputs[name], one) for name, one in self.binary.items()]
        return [entry for entry, _ in pairs], [data for _, data in pairs if data is not None]


def _name(entry: object, known: Sequence[str]) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    if name not in known:
        raise OipFormatError(f"no output {str(name)[:64]!r}, only {list(known)}")
    return str(name)


def _flag(tree: Mapping[str, Any], name: str, default: bool) -> bool:
    parameters = tree.get("parameters")
    value = parameters.get(name, default) if isinstance(parameters, Mapping) else default
    if not isinstance(value, bool):
        raise OipFormatError(f"{name} is not true or false")
    return value
