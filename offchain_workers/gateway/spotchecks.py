# SPDX-License-Identifier: Apache-2.0
"""Canaries that are users' own jobs: a share of what was answered is run again here.

Nothing can tell them from other jobs, for they are none. Only answers that nobody verifies (method
`none`) are looked at. Whoever answered wrong gets no jobs from this gateway for a while, then each
of its next answers is looked at. No stake moves.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from offchain_workers.canaries import Tally, Verdict, same_answer
from offchain_workers.chain.contracts.terms import selector_of
from offchain_workers.engines import Engine, ModelRunner
from offchain_workers.errors import FusionError
from offchain_workers.gateway.leases import Leases
from offchain_workers.gateway.shelf import Shelf
from offchain_workers.gateway.tables import JobRow, State
from offchain_workers.models.card import ModelCard, ModelSpec
from offchain_workers.storage import BlobStore

log = structlog.get_logger(__name__)

NONE = selector_of("none")
# Right answers in a row after which an operator is looked at no more often than others.
PAROLE = 3
_MAX_INPUT = 1 << 26
_MOST_WAITING = 64
_MOST_MODELS = 4
# A job is heard of more than once.
_REMEMBERED = 4096
Key = tuple[str, bytes]


@dataclass
class _Sentence:
    """``until``: no jobs; ``length`` doubles with each wrong answer on parole; ``left``: right
    answers to go. Seconds."""

    until: float
    length: float
    left: int = PAROLE


@dataclass(frozen=True)
class Conduct:
    """How often answers are looked at (share of all), and how long a wrong one counts at first."""

    share: float
    pause: float


class SpotChecks:
    """``hear`` and ``turned`` belong to the gateway's loop; models run on a thread beside it."""

    def __init__(
        self,
        conduct: Conduct,
        shelf: Shelf,
        store: BlobStore,
        leases: Leases,
        engine: Engine,
        max_onnx: int,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.tally: Tally[Key] = Tally()
        self._conduct = conduct
        self._shelf = shelf
        self._store = store
        self._leases = leases
        self._engine = engine
        self._max_onnx = max_onnx
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._lock = threading.Lock()
        self._sentences: dict[str, _Sentence] = {}
        self._waiting: set[bytes] = set()
        self._seen: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._runners: dict[bytes, tuple[ModelCard, ModelRunner]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spot-check")

    def hear(self, row: JobRow) -> None:
        """A job has got further."""
        if row.state != State.PAID or row.operator is None or row.input_cid is None:
            return
        terms = row.terms
        if terms.selector != NONE or row.job_id in self._seen:
            return
        self._seen.append(row.job_id)
        if self._takes(row.operator, row.job_id):
            answer = row.input_cid, bytes(row.output or b"")
            self._pool.submit(self._check, row.job_id, terms.model_id, row.operator, *answer)

    def turned(self) -> None:
        """Whose time is over gets jobs again, under watch."""
        now = self._clock()
        with self._lock:
            free = [who for who, sentence in self._sentences.items() if sentence.until <= now]
        for operator in free:
            self._leases.canary(operator, passed=True)

    def close(self) -> None:
        """Wait for the check that runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for _, runner in self._runners.values():
            runner.close()

    def _takes(self, operator: str, job_id: bytes) -> bool:
        """Whether this answer is looked at; all of those on parole are."""
        with self._lock:
            watched = operator in self._sentences or self._rng.random() < self._conduct.share
            if not watched or len(self._waiting) >= _MOST_WAITING:
                return False
            self._waiting.add(job_id)
            return True

    def _check(
        self, job_id: bytes, model_id: bytes, operator: str, cid: str, output: bytes
    ) -> None:
        try:
            card, runner = self._runner(model_id)
            right = runner.submit(self._store.get(cid, _MAX_INPUT)).result()
        except FusionError as error:
            log.warning("no spot check", job=job_id.hex(), reason=str(error))
        else:
            self._judge(operator, model_id, same_answer(card, right, output))
        finally:
            with self._lock:
                self._waiting.discard(job_id)

    def _judge(self, operator: str, model_id: bytes, is_right: bool) -> None:
        self.tally.add((operator, model_id), Verdict.RIGHT if is_right else Verdict.WRONG)
        with self._lock:
            known = self._sentences.get(operator)
            if not is_right:
                length = 2 * known.length if known else self._conduct.pause
                self._sentences[operator] = _Sentence(self._clock() + length, length)
            elif known is not None:
                known.left -= 1
                if known.left <= 0:
                    del self._sentences[operator]
        if not is_right:
            self._leases.canary(operator, passed=False)
            log.warning("wrong answer", operator=operator, model=model_id.hex())

    def _runner(self, model_id: bytes) -> tuple[ModelCard, ModelRunner]:
        known = self._runners.get(model_id)
        if known is None:
            while len(self._runners) >= _MOST_MODELS:
                self._runners.pop(next(iter(self._runners)))[1].close()
            model = self._shelf.model("0x" + model_id.hex())
            card = self._shelf.card(model)
            onnx = self._shelf.catalog.onnx(model, self._max_onnx)
            session = self._engine.load(ModelSpec(card, model.onnx_cid), onnx)
            known = self._runners[model_id] = card, ModelRunner(session, card)
        return known
