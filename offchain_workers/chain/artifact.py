# SPDX-License-Identifier: Apache-2.0
"""Contract artifacts that ship with the package: no compiler is needed at run time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from offchain_workers.chain.errors import ArtifactMissingError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Artifact:
    """ABI and creation bytecode of one contract."""

    name: str
    abi: list[Mapping[str, Any]]
    bytecode: bytes


@cache
def load(name: str) -> Artifact:
    """The artifact of contract ``name``. Raises ArtifactMissingError."""
    if not _NAME.fullmatch(name):
        raise ArtifactMissingError(f"{name!r} is not a contract's name")
    path = files("offchain_workers.chain") / "artifacts" / f"{name}.json"
    try:
        record = json.loads(path.read_text())
        code = bytes.fromhex(record["bytecode"].removeprefix("0x"))
        return Artifact(name, list(record["abi"]), code)
    except FileNotFoundError as error:
        raise ArtifactMissingError(f"the package holds no artifact of {name}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactMissingError(f"the artifact of {name} can't be read: {error!r}") from error
