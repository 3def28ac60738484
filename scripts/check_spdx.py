# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence near its top, and the right one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".vy", ".vyi", ".sh", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".sol"}
NAMES = {"Makefile", "run"}
LINE = re.compile(r"SPDX-License-Identifier: (\S+)")
LINES_READ = 3
APACHE, AGPL = "Apache-2.0", "AGPL-3.0-only"
SNEKMATE = re.compile(r"^(from|import) snekmate", re.MULTILINE)


def sources(root: Path) -> list[Path]:
    """What git tracks, or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (root / line for line in listed.stdout.splitlines())
    return [path for path in paths if path.is_file() and _is_source(path)]


def _is_source(path: Path) -> bool:
    return path.suffix in SUFFIXES or path.name in NAMES


def expected(path: Path, text: str, root: Path) -> str:
    """AGPL for what is or includes a contract of ours or of snekmate, Apache for the rest."""
    is_contract = path.suffix == ".vy" and path.relative_to(root).parts[0] == "contracts"
    return AGPL if is_contract or (path.suffix == ".vy" and SNEKMATE.search(text)) else APACHE


def complaint(path: Path, root: Path) -> str | None:
    """What is wrong with the file's licence line, or None."""
    text = path.read_text(encoding="utf-8")
    found = LINE.search("\n".join(text.splitlines()[:LINES_READ]))
    wanted = expected(path, text, root)
    if found is None:
        return f"{path.relative_to(root)}: no SPDX line in the first {LINES_READ} (want {wanted})"
    if found[1] != wanted:
        return f"{path.relative_to(root)}: {found[1]}, want {wanted}"
    return None


def main(root: Path = ROOT) -> int:
    complaints = [line for path in sources(root) if (line := complaint(path, root))]
    for line in complaints:
        print(line, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
