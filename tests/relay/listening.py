# SPDX-License-Identifier: Apache-2.0
"""Which TCP sockets a process has open to listen, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_LISTEN = "0A"


def listening(pid: int) -> set[int]:
    """The ports on which this process listens, in whatever network namespace it is."""
    mine = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            mine.add(target.removeprefix("socket:[").removesuffix("]"))
    return {port for inode, port in _listeners(pid) if inode in mine}


def _listeners(pid: int) -> list[tuple[str, int]]:
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTEN:
                found.append((columns[9], int(columns[1].rpartition(":")[2], 16)))
    return found
