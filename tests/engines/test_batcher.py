# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from offchain_workers.engines import Batcher, BusyError
from offchain_workers.engines.errors import EngineClosedError

PATIENCE = 20


class Gate:
    """A run function that stops at its first call until opened, and keeps every batch it got."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Event()
        self.opened = threading.Event()

    def run(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.entered.set()
        assert self.opened.wait(PATIENCE)
        if any(item < 0 for item in items):
            raise ValueError(f"bad item in {items}")
        return [item * 10 for item in items]


@pytest.fixture
def gate() -> Gate:
    return Gate()


def busy_batcher(gate: Gate, max_batch: int = 4, max_queue: int = 100) -> Batcher[int, int]:
    """A batcher whose worker is held inside its first run, with item 0."""
    batcher = Batcher(gate.run, max_batch, max_queue)
    batcher.submit(0)
    assert gate.entered.wait(PATIENCE)
    return batcher


def test_what_waits_becomes_one_batch_up_to_the_limit(gate: Gate) -> None:
    batcher = busy_batcher(gate, max_batch=4)
    futures = [batcher.submit(i) for i in range(1, 7)]
    assert batcher.queued == 6
    gate.opened.set()
    assert [f.result(PATIENCE) for f in futures] == [10, 20, 30, 40, 50, 60]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]
    batcher.close()


def test_weights_fill_a_batch_and_a_heavy_item_goes_alone(gate: Gate) -> None:
    batcher = busy_batcher(gate, max_batch=4)
    futures = [batcher.submit(i, weight) for i, weight in [(1, 3), (2, 1), (3, 9), (4, 2)]]
    gate.opened.set()
    assert [f.result(PATIENCE) for f in futures] == [10, 20, 30, 40]
    assert gate.batches == [[0], [1, 2], [3], [4]]
    batcher.close()


def test_a_bad_item_fails_alone(gate: Gate) -> None:
    batcher = busy_batcher(gate)
    good, bad, fine = batcher.submit(1), batcher.submit(-1), batcher.submit(2)
    gate.opened.set()
    assert (good.result(PATIENCE), fine.result(PATIENCE)) == (10, 20)
    with pytest.raises(ValueError, match=r"bad item in \[-1\]"):
        bad.result(PATIENCE)
    assert gate.batches[1:] == [[1, -1, 2], [1], [-1], [2]]
    batcher.close()


def test_a_run_with_too_few_results_fails_and_hangs_nobody() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: [], 4, 10)
    with pytest.raises(ValueError, match="shorter"):
        batcher.submit(1).result(PATIENCE)
    batcher.close()


def test_a_full_queue_is_busy(gate: Gate) -> None:
    batcher = busy_batcher(gate, max_queue=3)
    futures = [batcher.submit(1), batcher.submit(2, weight=2)]
    with pytest.raises(BusyError, match="3 of 3 items wait"):
        batcher.submit(3)
    gate.opened.set()
    assert [f.result(PATIENCE) for f in futures] == [10, 20]
    assert batcher.submit(4).result(PATIENCE) == 40
    batcher.close()


def test_close_finishes_what_waits_and_takes_nothing_new(gate: Gate) -> None:
    batcher = busy_batcher(gate)
    future = batcher.submit(1)
    closer = threading.Thread(target=batcher.close)
    closer.start()
    gate.opened.set()
    closer.join(PATIENCE)
    assert not closer.is_alive()
    assert future.result(0) == 10
    with pytest.raises(EngineClosedError):
        batcher.submit(2)


def test_close_without_drain_cancels_what_waits(gate: Gate) -> None:
    batcher = busy_batcher(gate)
    future = batcher.submit(1)
    closer = threading.Thread(target=batcher.close, kwargs={"drain": False})
    closer.start()
    with pytest.raises(CancelledError):
        future.result(PATIENCE)
    gate.opened.set()
    closer.join(PATIENCE)
    assert gate.batches == [[0]]


def test_a_cancelled_item_is_not_run(gate: Gate) -> None:
    batcher = busy_batcher(gate)
    future, other = batcher.submit(1), batcher.submit(2)
    assert future.cancel()
    gate.opened.set()
    assert other.result(PATIENCE) == 20
    assert gate.batches == [[0], [2]]
    batcher.close()


def test_many_submitters(gate: Gate) -> None:
    gate.opened.set()
    batcher = Batcher(gate.run, 16, 10_000)
    answers: list[int] = []

    def work(start: int) -> None:
        futures = [batcher.submit(i) for i in range(start, start + 200)]
        answers.extend(f.result(PATIENCE) for f in futures)

    threads = [threading.Thread(target=work, args=(1000 * k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(answers) == sorted(10 * (1000 * k + i) for k in range(1, 5) for i in range(200))
    batcher.close()
