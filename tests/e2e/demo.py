# SPDX-License-Identifier: Apache-2.0
"""`fusion demo` in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def run_demo(*args: str, seconds: float = 500) -> dict[str, Any]:
    """The document of a demo that went well."""
    command = [sys.executable, "-m", "offchain_workers.cli", "demo", "--json", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["ok"] is True
    return document
