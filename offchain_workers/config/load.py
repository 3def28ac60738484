# SPDX-License-Identifier: Apache-2.0
"""Read the sources and merge them: command line over environment over file over defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from offchain_workers.config.check import (
    PREFIX,
    Source,
    bad_values,
    check_source,
    variable,
)
from offchain_workers.config.fields import table_of
from offchain_workers.config.schema import Settings
from offchain_workers.errors import FusionError

DEFAULT_FILE = Path("fusion.toml")


def load_settings(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process. ``overrides`` are the command line's: {section: {key: value}}.

    Raises MN-CFG-001..006 with the source, the key and the reason.
    """
    file = config_path(path)
    sources = (
        Source("the command line", overrides or {}),
        Source("the environment", _environment()),
        Source(str(file), _read_toml(file, required=file != DEFAULT_FILE)),
    )
    for source in sources:
        check_source(source)
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        merged = _merge(merged, source.values)
    try:
        return Settings(**merged)
    except ValidationError as error:
        raise bad_values(error, sources) from None


def config_path(path: Path | None = None) -> Path:
    """The file in use: the one given, else FUSION_CONFIG, else ./fusion.toml."""
    named = path or os.environ.get(f"{PREFIX}CONFIG")
    return Path(named).expanduser() if named else DEFAULT_FILE


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise FusionError("MN-CFG-001", f"no configuration file at {path}") from None
        return {}
    except OSError as error:
        raise FusionError("MN-CFG-001", f"can't read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FusionError("MN-CFG-002", f"{path} is not valid TOML: {error}") from error
    return _anchor(values, Settings, path.parent)


def _anchor(values: Mapping[str, Any], model: type[BaseModel], folder: Path) -> dict[str, Any]:
    """Relative paths in a file are relative to that file, wherever the command runs."""
    anchored = dict(values)
    for key, field in model.model_fields.items():
        value = anchored.get(key)
        if (table := table_of(field)) and isinstance(value, Mapping):
            anchored[key] = _anchor(value, table, folder)
        elif isinstance(value, str) and _holds_path(field.annotation):
            anchored[key] = folder / Path(value).expanduser()
    return anchored


def _holds_path(annotation: Any) -> bool:
    return annotation is Path or any(_holds_path(part) for part in get_args(annotation))


def _environment() -> dict[str, Any]:
    _check_variables()
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise FusionError("MN-CFG-004", f"the environment: {error}") from None


def _check_variables() -> None:
    """pydantic-settings overlooks variables whose section does not exist."""
    for name in os.environ:
        section, separator, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and separator and section not in Settings.model_fields:
            check_source(
                Source(f"the environment ({variable((section, key))})", {section: {key: ""}})
            )


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _merge(below, value)
        merged[key] = value
    return merged
