# SPDX-License-Identifier: Apache-2.0
"""The table of docs/opml-conformance.md."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.readme import replaced, table
from offchain_workers.engines.ort import runtime
from tests.conformance.bundles import MODELS
from tests.conformance.machines import CPUS, GPU, NATIVE, WAYS, Run, emulator, gpu, qemu

LEVELS = ("disable", "basic", "extended", "all")


@dataclass
class Results:
    """By model and processor: what a run found, or why there was none."""

    found: dict[tuple[str, str], Run | str] = field(default_factory=dict)

    def missing(self) -> str:
        """The runs without which the page is not written; a GPU is no condition."""
        wanted = ((model, cpu) for model in MODELS for cpu in CPUS)
        absent = [key for key in wanted if not isinstance(self.found.get(key), Run)]
        return ", ".join(f"{model} on {cpu}" for model, cpu in absent)

    def written(self, page: str) -> str:
        """The page with its generated parts written anew. Raises ValueError without the marks."""
        page = replaced(page, "machine", self.machine())
        return replaced(page, "results", self.table())

    def machine(self) -> str:
        """What the runs were made with."""
        run = self.found["digits MLP", NATIVE]
        assert isinstance(run, Run)
        features = ", ".join(name for name, has in run.features.items() if has)
        return (
            f"Last run: onnxruntime {runtime().__version__}, Python {platform.python_version()}, "
            f"{_version()}. The native processor has {features}. {self._gpu()}"
        )

    def _gpu(self) -> str:
        ran = [model for model in MODELS if isinstance(self.found.get((model, GPU)), Run)]
        if len(ran) == len(MODELS):
            return "The GPU ran every model."
        return f"**Not run on a GPU**: {gpu() or 'not asked for'}."

    def table(self) -> str:
        """A line for each model and processor."""
        return table(("model", "runs on", *LEVELS), list(self._rows()))

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for model in MODELS:
            for cpu in (*CPUS, GPU):
                run = self.found.get((model, cpu))
                if isinstance(run, Run):
                    yield model, cpu, *(_cell(run, level) for level in LEVELS)
                elif run is not None and cpu != GPU:
                    yield model, cpu, f"not run: {run}", *("" for _ in LEVELS[1:])


def _cell(run: Run, level: str) -> str:
    lowerings = dict.fromkeys(lowering for lowering, _, _ in run.wrong)
    return ", ".join(f"{lowering} {_verdict(run, lowering, level)}" for lowering in lowerings)


def _verdict(run: Run, lowering: str, level: str) -> str:
    ways = {how: run.wrong[lowering, level, how] for how in WAYS}
    if not any(ways.values()):
        return "equal"
    counts = " and ".join(f"{count} {how}" for how, count in ways.items())
    return f"**differs** ({counts} of {run.items})"


def _version() -> str:
    """Of the emulator."""
    if emulator():
        return "no QEMU"
    said = subprocess.run([qemu(), "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"version (\S+)", said)
    return f"QEMU {found[1]}" if found else "QEMU"
