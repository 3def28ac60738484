# SPDX-License-Identifier: Apache-2.0
"""What people call a program's nodes: for eyes only, part of no root, and from a stranger.

names.json is a list of strings, one for each node: the ONNX node's name, or its first output's
where it has none, with the part that is computed, and what is made where that is called otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

NAMES_FILE = "names.json"
# Characters of a name, of which the end tells the most; six bytes for each in JSON, and a margin.
_MOST, _BYTES = 80, 512


def format_names(names: Iterable[str]) -> bytes:
    """The file."""
    return f"{json.dumps([name[-_MOST:] for name in names], indent=0)}\n".encode()


def parse_names(data: bytes, count: int) -> Sequence[str]:
    """Of ``count`` nodes; none when the file does not fit."""
    try:
        names = json.loads(data)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(names, list) or len(names) != count:
        return ()
    return [str(name)[-_MOST:] for name in names]


def most_bytes(count: int) -> int:
    """That the file of so many nodes may have."""
    return 64 + _BYTES * count
