# SPDX-License-Identifier: Apache-2.0
"""Run as a script this is `fusion`, but its worker is slow and says that none is faster.

The first argument is how many seconds each run of the model takes longer.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from offchain_workers.cli import main
from offchain_workers.engines.runner import ModelRunner
from offchain_workers.manifest import build_manifest
from offchain_workers.operator import notice

CLAIMS = {"items_per_second": 10**9, "p99_microseconds": 1, "max_in_flight": 10**6}


class Boast:
    """A fleet that nobody has."""

    def as_dict(self) -> dict[str, Any]:
        return {"devices": ["NVIDIA B300"] * 64, **CLAIMS}


def boast(*args: Any) -> bytes:
    """The manifest, with claims in place of what was measured; its operator signs them."""
    account, place, endpoint, _, models, methods, limits, *rest = args
    boasts = {**limits, **CLAIMS}
    return build_manifest(account, place, endpoint, Boast(), models, methods, boasts, *rest)


def drag(seconds: float) -> None:
    """Every run takes so much longer."""
    run = ModelRunner._run_jobs

    def slow(self: ModelRunner, jobs: list[bytes]) -> list[bytes]:
        time.sleep(seconds)
        return run(self, jobs)

    ModelRunner._run_jobs = slow  # type: ignore[method-assign]


if __name__ == "__main__":
    drag(float(sys.argv.pop(1)))
    notice.build_manifest = boast  # type: ignore[attr-defined]
    main()
