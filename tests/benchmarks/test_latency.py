# SPDX-License-Identifier: Apache-2.0
"""What is taken off a job's blocks is what its worker's log says, in whole seconds."""

from __future__ import annotations

import json

import pytest

from benchmarks.latency import READY, TAKEN, Answered, figures, worked_seconds

JOB = bytes(range(32))


def line(event: str, second: str, job: bytes = JOB) -> str:
    stamp = f"2026-01-01T00:00:{second}Z"
    return json.dumps({"event": event, "job": job.hex(), "timestamp": stamp})


def test_the_worker_computes_from_taking_a_job_to_its_answer() -> None:
    other = line(READY, "09.0", bytes(32))
    log = "\n".join([line(TAKEN, "01.25"), other, "not json", line(READY, "02.75")])
    assert worked_seconds(log, JOB) == 1.5


def test_a_log_without_the_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say"):
        worked_seconds(line(TAKEN, "01.0"), JOB)


def test_part_of_a_second_is_never_taken_off() -> None:
    jobs = [Answered(3, 1.99, False), Answered(2, 0.9, False)]
    assert [job.beyond for job in jobs] == [2, 2]
    assert figures("zkml", jobs)[0].document()["met"] is True


def test_an_answer_that_claims_to_be_final_misses_the_goal() -> None:
    found = figures("opml", [Answered(1, 0.0, True), Answered(1, 0.0, False)])
    assert [figure.document()["met"] for figure in found] == [True, None, False]
