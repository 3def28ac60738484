# SPDX-License-Identifier: Apache-2.0
"""What a person sees while something takes long, on stderr; nothing with --json or in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from offchain_workers.cli.output import printable
from offchain_workers.cli.run import Run

Report = Callable[[str], None]
Counter = Callable[[int, int], None]


def say(run: Run, text: str) -> None:
    """A line on stdout for people, at once: what was done stays told if a later step fails."""
    if not run.as_json:
        print(printable(text), flush=True)


def warn(text: str) -> None:
    """A line on stderr, with --json too."""
    print(f"warning: {printable(text)}", file=sys.stderr)


@contextmanager
def waiting(run: Run, text: str) -> Iterator[Report]:
    """A spinner with ``text``; call what you get to change the text."""
    if not _watched(run):
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(printable(text)) as status:
        yield lambda text: status.update(printable(text))


@contextmanager
def counting(run: Run, text: str) -> Iterator[Counter]:
    """A bar for ``progress(done, total)`` callbacks."""
    if not _watched(run):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(printable(text), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _watched(run: Run) -> bool:
    return not run.as_json and sys.stderr.isatty()
