# SPDX-License-Identifier: Apache-2.0
"""What a suite is, and where suites are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from offchain_workers.codecs.base import Answer
from offchain_workers.evaluation.errors import UnknownSuiteError

GROUP = "model_network.suites"
# Task to ``module:Suite``; an installed package adds others under the group, not these.
SUITES = {
    "digits": "offchain_workers.evaluation.digits:SUITE",
    "embedding": "offchain_workers.evaluation.embedding:SUITE",
    "file-type": "offchain_workers.evaluation.file_type:SUITE",
    "text-direction": "offchain_workers.evaluation.text_direction:SUITE",
}


@dataclass(frozen=True)
class Suite:
    """``name`` is ``task@version``; other inputs or another count make another version.

    ``inputs`` are raw, for the model's codec; ``judge`` gets an answer for each, in order (None:
    the codec refused the input), and says how many of how many are right.
    """

    name: str
    inputs: Callable[[], Sequence[bytes]]
    judge: Callable[[Sequence[Answer | None]], tuple[int, int]]

    @property
    def task(self) -> str:
        return self.name.partition("@")[0]


def labelled(name: str, cases: Callable[[], Sequence[tuple[bytes, str]]]) -> Suite:
    """A suite whose answers have one right label each."""

    def judge(answers: Sequence[Answer | None]) -> tuple[int, int]:
        pairs = zip(answers, cases(), strict=True)
        right = sum(
            answer is not None and answer.get("label") == want for answer, (_, want) in pairs
        )
        return right, len(answers)

    return Suite(name, lambda: [raw for raw, _ in cases()], judge)


def suite_for(task: str) -> Suite:
    """Raises UnknownSuiteError."""
    installed = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    known = {**installed, **SUITES}
    if task not in known:
        raise UnknownSuiteError(
            f"no suite for task {task[:64]!r}; known: {', '.join(sorted(known))}"
        )
    found: Suite = EntryPoint(task, known[task], GROUP).load()
    return found
