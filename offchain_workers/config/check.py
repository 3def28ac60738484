# SPDX-License-Identifier: Apache-2.0
"""What a source may not hold, and errors that name the source, the key and the reason."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from offchain_workers.config.fields import table_of
from offchain_workers.config.schema import Settings
from offchain_workers.config.values import is_key_material
from offchain_workers.errors import FusionError
from offchain_workers.problems import plain

PREFIX = "FUSION_"

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Where values come from (a file's path, "the environment", ...) and the values."""

    name: str
    values: Mapping[str, Any]

    def holds(self, keys: Sequence[str | int]) -> bool:
        """Whether the value at ``keys``, or the table where it is missing, comes from here."""
        value: Any = self.values
        for key in keys:
            if not isinstance(value, Mapping):
                return True
            if key not in value:
                return False
            value = value[key]
        return True


def check_source(source: Source) -> None:
    """Refuse key material (MN-CFG-005), then keys that don't exist (MN-CFG-003)."""
    for keys, value in _leaves(source.values):
        if is_key_material(value):
            raise FusionError(
                "MN-CFG-005",
                f"{source.name}: {'.'.join(keys)} looks like a private key. Keys belong in an "
                "encrypted keystore (`fusion account new`); write a model's id as model:0x...",
            )
    _check_keys(source, source.values, Settings, ())


def bad_values(error: ValidationError, sources: Sequence[Source]) -> FusionError:
    """MN-CFG-004 for pydantic's findings, without the values: they may be secret."""
    found = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        keys = item["loc"]
        name = next((s.name for s in sources if s.holds(keys)), "the defaults")
        reason = plain(item["msg"])
        found.append(f"{name}: {'.'.join(map(str, keys))}: {reason}")
    return FusionError("MN-CFG-004", "; ".join(found))


def variable(keys: Sequence[str]) -> str:
    """The environment's name of a key: ``FUSION_CHAIN__RPC_URLS``."""
    return PREFIX + "__".join(keys).upper()


def _leaves(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*keys, str(key)))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item, keys)
    else:
        yield keys, value


def _check_keys(
    source: Source, values: Mapping[str, Any], model: type[BaseModel], above: Keys
) -> None:
    for key, value in values.items():
        field = model.model_fields.get(key)
        if field is None:
            raise _unknown_key(source, model, (*above, key))
        if (table := table_of(field)) and isinstance(value, Mapping):
            _check_keys(source, value, table, (*above, key))


def _unknown_key(source: Source, model: type[BaseModel], keys: Keys) -> FusionError:
    nearest = _nearest(model, keys)
    hint = f"; did you mean '{nearest}'?" if nearest else ""
    return FusionError("MN-CFG-003", f"{source.name}: unknown key '{'.'.join(keys)}'{hint}")


def _nearest(model: type[BaseModel], keys: Keys) -> str | None:
    """The closest key beside the unknown one, else one of the same name in another table."""
    beside = difflib.get_close_matches(keys[-1], model.model_fields, n=1)
    if beside:
        return ".".join((*keys[:-1], beside[0]))
    everywhere = {path[-1]: ".".join(path) for path in _known(Settings)}
    elsewhere = difflib.get_close_matches(keys[-1], everywhere, n=1)
    return everywhere[elsewhere[0]] if elsewhere else None


def _known(model: type[BaseModel], above: Keys = ()) -> Iterator[Keys]:
    for key, field in model.model_fields.items():
        yield (*above, key)
        if table := table_of(field):
            yield from _known(table, (*above, key))
