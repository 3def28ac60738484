# SPDX-License-Identifier: Apache-2.0
"""Which jobs the enclave answered, and with what: bounded, and never wrong about "not yet".

Host and requesters may send as many jobs as they like, with whatever deadlines. Of the jobs that
are forgotten the latest deadline is kept: one that ends no later can't be told from them, and is
refused.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict

from verifiers.teeml.errors import EnclaveAnsweredError

# Of 16 KiB at most each; then of 32 bytes and a deadline.
_MOST_OUTPUTS, _MOST_JOBS = 4_096, 262_144


class Memory:
    """Used by one thread at a time. Deadlines are the jobs' own ``deliver_by``, which their ids
    bind, so that no clock is asked."""

    def __init__(self, outputs: int = _MOST_OUTPUTS, jobs: int = _MOST_JOBS) -> None:
        self._most_outputs, self._most_jobs = outputs, jobs
        self._outputs: OrderedDict[bytes, bytes] = OrderedDict()
        self._answered: set[bytes] = set()
        self._by_deadline: list[tuple[int, bytes]] = []
        self._floor = -1

    def find(self, job_id: bytes, deliver_by: int) -> bytes | None:
        """The job's answer; None only when there was certainly none. Raises EnclaveAnsweredError
        when there was, or may have been one that is forgotten."""
        output = self._outputs.get(job_id)
        if output is None and job_id in self._answered:
            raise EnclaveAnsweredError("the job was answered, and its answer is no longer kept")
        if output is None and deliver_by <= self._floor:
            raise EnclaveAnsweredError("the job ends before some whose answers are forgotten")
        return output

    def keep(self, job_id: bytes, deliver_by: int, output: bytes) -> None:
        """The answer of a job for which ``find`` gave None."""
        self._outputs[job_id] = output
        self._answered.add(job_id)
        heapq.heappush(self._by_deadline, (deliver_by, job_id))
        if len(self._by_deadline) > self._most_jobs:
            self._floor, oldest = heapq.heappop(self._by_deadline)
            self._answered.remove(oldest)
            self._outputs.pop(oldest, None)
        if len(self._outputs) > self._most_outputs:
            self._outputs.popitem(last=False)
