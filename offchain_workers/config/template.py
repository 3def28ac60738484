# SPDX-License-Identifier: Apache-2.0
"""The commented file that `fusion init` writes, made from the schema so that it can't go stale."""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from offchain_workers.config.fields import table_of
from offchain_workers.config.schema import Settings
from offchain_workers.errors import FusionError

HEADER = """\
# Configuration of Model Network's `fusion`. Every value below is the default.
# Each key can also be set by environment, as FUSION_SECTION__KEY: FUSION_CHAIN__RPC_URLS.
# The command line wins over the environment, the environment over this file.
# No private keys here: make an encrypted keystore with `fusion account new NAME`.
"""
_WIDTH = 98


def render_template() -> str:
    """The whole file; read back, it gives the defaults."""
    return "\n".join([HEADER, *_section(Settings, ())])


def write_template(path: Path, *, force: bool = False) -> None:
    """Write the file, whole or not at all, readable by its owner (RPC URLs may carry API keys).

    Raises MN-CFG-006 when it exists (unless ``force``) or can't be written.
    """
    if path.exists() and not force:
        raise FusionError("MN-CFG-006", f"{path} exists; --force overwrites it")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fusion-init-") as folder:
            draft = Path(folder) / path.name
            draft.write_text(render_template(), encoding="utf-8")
            draft.chmod(0o600)
            os.replace(draft, path)
    except OSError as error:
        raise FusionError("MN-CFG-006", f"can't write {path}: {error.strerror}") from error


def _section(model: type[BaseModel], keys: tuple[str, ...]) -> Iterator[str]:
    tables = []
    for name, field in model.model_fields.items():
        if table := table_of(field):
            tables.append((name, table))
        else:
            yield from _key(name, field)
    for name, table in tables:
        inner = (*keys, name)
        yield from _comment(f"{table.__doc__}")
        yield f"[{'.'.join(inner)}]"
        yield from _section(table, inner)


def _key(name: str, field: FieldInfo) -> Iterator[str]:
    yield from _comment(f"{field.description}{_choices(field.annotation)}")
    if field.default is None:
        yield f"# {name} = {_toml((field.examples or [''])[0])}"
    else:
        yield f"{name} = {_toml(field.default)}"
    yield ""


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _choices(annotation: Any) -> str:
    if get_origin(annotation) is not Literal or len(get_args(annotation)) < 2:
        return ""
    return f" One of: {', '.join(get_args(annotation))}."


def _toml(value: Any) -> str:
    """Strings, numbers, booleans and lists are written alike in TOML and JSON."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
